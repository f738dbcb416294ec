"""Tools that are no functions, whoever named them: what kind each is, and a schema for those the caller runs.

Sources: https://platform.openai.com/docs/guides/tools, https://docs.claude.com/en/docs/agents-and-tools/tool-use
(each tool's page) and https://ai.google.dev/gemini-api/docs/tools.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json


def name_of(tool: Mapping[str, Any]) -> str:
    """The vendor's word for the tool: its type, or a dot and the one key of a tool that has none."""
    kind = tool.get("type")
    return kind if isinstance(kind, str) else f".{next(iter(tool), '')}"


def kind_of(name: str) -> str | None:
    """What kind of tool a vendor's word (`name_of`) means; `None`: a word nobody here knows."""
    return next((kind for pattern, kind in KINDS if pattern.fullmatch(name)), None)


def as_function(tool: Mapping[str, Any], kind: str) -> Json:
    """A tool that the caller runs himself, for a model that was not trained on it."""
    description, parameters = CLIENT_RUN[kind]
    screen = [f"{n} {tool[n]}" for n in ("display_width_px", "display_height_px") if n in tool]
    if screen:
        description += f" The screen: {', '.join(screen)}."
    return {"name": tool.get("name") or kind, "description": description, "parameters": parameters}


# ------------------------------------------------------------------------------------------ tables


def _object(required: str = "", **properties: Any) -> Json:
    return {"type": "object", "properties": properties, "required": required.split()}


STRING, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
STRINGS, PLACE = {"type": "array", "items": STRING}, {"type": "array", "items": INTEGER}

KINDS = [
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"custom", "custom"),
        (
            r"web_search(_preview)?(_20[\d_]+)?|openrouter:web_search|\.google_?[sS]earch(Retrieval)?",
            "web_search",
        ),
        (r"web_fetch(_20\d+)?|openrouter:web_fetch|\.url_?[cC]ontext", "web_fetch"),
        (r"code_interpreter|code_execution(_20\d+)?|\.code_?[eE]xecution", "code_execution"),
        (r"file_search|\.file_?[sS]earch", "file_search"),
        (r"image_generation|openrouter:image_generation", "image_generation"),
        (r"mcp|mcp_toolset", "mcp"),
        (r"tool_search(_tool_.*)?", "tool_search"),
        (r"programmatic_tool_calling|namespace", "other"),
        (r"\.google_?[mM]aps|\.computer_?[uU]se", "other"),
        (r"bash_20\d+", "bash"),
        (r"text_editor_20\d+", "text_editor"),
        (r"memory_20\d+", "memory"),
        (r"computer_20\d+", "computer"),
        (r"computer|computer_use_preview", "screen"),
        (r"local_shell", "local_shell"),
        (r"shell", "shell"),
        (r"apply_patch", "apply_patch"),
    )
]

CLIENT_RUN: dict[str, tuple[str, Json]] = {
    "bash": (
        "Runs a command in a persistent bash session and returns its output.",
        _object(command=STRING, restart=BOOLEAN),
    ),
    "text_editor": (
        "Views, creates and edits text files.",
        _object(
            "command path",
            command={"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
            path=STRING, file_text=STRING, old_str=STRING, new_str=STRING, insert_line=INTEGER,
            insert_text=STRING, view_range=PLACE,
        ),
    ),
    "memory": (
        "Keeps notes in files below /memories between conversations.",
        _object(
            "command",
            command={
                "type": "string",
                "enum": ["view", "create", "str_replace", "insert", "delete", "rename"],
            },
            path=STRING, file_text=STRING, old_str=STRING, new_str=STRING, insert_line=INTEGER,
            insert_text=STRING, old_path=STRING, new_path=STRING, view_range=PLACE,
        ),
    ),
    "computer": (
        "Uses the screen, mouse and keyboard of a computer; places are [x, y] in pixels.",
        _object(
            "action",
            action={
                "type": "string",
                "enum": [
                    "screenshot", "left_click", "right_click", "middle_click", "double_click", "triple_click",
                    "mouse_move", "left_click_drag", "left_mouse_down", "left_mouse_up", "key", "hold_key",
                    "type", "scroll", "wait", "cursor_position",
                ],
            },
            coordinate=PLACE, start_coordinate=PLACE, text=STRING, duration=INTEGER, scroll_amount=INTEGER,
            scroll_direction={"type": "string", "enum": ["up", "down", "left", "right"]},
        ),
    ),
    "screen": (
        "Uses the screen, mouse and keyboard of a computer, one action a call.",
        _object(
            "type",
            type={
                "type": "string",
                "enum": [
                    "screenshot", "click", "double_click", "drag", "keypress", "move", "scroll", "type",
                    "wait",
                ],
            },
            button={"type": "string", "enum": ["left", "right", "wheel", "back", "forward"]},
            x=INTEGER, y=INTEGER, scroll_x=INTEGER, scroll_y=INTEGER, text=STRING, keys=STRINGS,
            path={"type": "array", "items": _object("x y", x=INTEGER, y=INTEGER)},
        ),
    ),
    "local_shell": (
        "Runs a command, given as its words, on the user's machine and returns its output.",
        _object("command", command=STRINGS, working_directory=STRING, timeout_ms=INTEGER),
    ),
    "shell": (
        "Runs shell commands and returns their output.",
        _object("commands", commands=STRINGS, timeout_ms=INTEGER, max_output_length=INTEGER),
    ),
    "apply_patch": (
        "Creates, updates or deletes one file; the diff is in V4A form, without its file header.",
        _object(
            "type path",
            type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            path=STRING, diff=STRING,
        ),
    ),
}  # fmt: skip
"""Kind of a tool that the caller runs → what it does, and what it is called with."""
