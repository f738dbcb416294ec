"""Coding agents through the drop-in clients: their kinds of requests, to a dozen providers' wires, in loops of
three turns.

The agents' requests are written after what they send (Codex 0.171, three ways to bring its tools) and what
their makers publish (Claude Code's requirements of a gateway); not a word of their prompts is in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from muxi_llm import Anthropic, OpenAI
from muxi_llm.providers import registry
from tests.contract.contact import SETTINGS
from tests.support import responses
from tests.support.speakers import speaker_of
from tests.support.speakers.base import Asked, Call, Said
from tests.support.upstream import Received, Respond, Upstream

Json = dict[str, Any]

MODELS = [
    "openai/gpt-5.6-luna",
    "azure/gpt-5.4",
    "anthropic/claude-sonnet-5",
    "google/gemini-3.5-flash",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere/command-a-03-2025",
    "mistral/mistral-medium-latest",
    "groq/llama-3.3-70b-versatile",
    "deepseek/deepseek-v4-pro",
    "openrouter/z-ai/glm-5",
    "ollama/qwen3",
    "vllm/openai/gpt-oss-20b",
    "moonshot/kimi-k2.6",
]

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

# -------------------------------------------------------------------------------------- the provider


class ResponsesSpeaker:
    """OpenAI's Responses, checked by the vendor's own types."""

    def replies(self, said: Said, *, stream: bool = False, usage: bool = True) -> list[Respond]:
        items: list[Any] = [said.text] if said.text else []
        for call in said.calls:
            if "text" in call.arguments:
                items.append(responses.custom_call(call.name, call.arguments["text"], call.id))
            else:
                items.append(responses.function_call(call.name, json.dumps(call.arguments), call.id))
        whole = responses.response(*items)
        if not stream:
            return [Respond(json=whole)]
        return [Respond(chunks=responses.told(whole), headers={"Content-Type": "text/event-stream"})]

    def asked(self, path: str, body: Json) -> Asked:
        assert path.endswith("/responses")
        # A field that Codex sends to OpenAI, and OpenAI's own types have not.
        known = [{n: v for n, v in tool.items() if n != "search_content_types"} for tool in body["tools"]]
        responses.check({**body, "tools": known})
        asked = Asked(stream=bool(body.get("stream")))
        for tool in body["tools"]:
            assert tool["type"] in {"function", "custom", "web_search"}, tool
            if "name" in tool:
                asked.tools[tool["name"]] = tool.get("parameters", {"properties": {"text": {}}})
        for item in body["input"]:
            if item.get("type", "message").endswith("_output"):
                asked.facts.append(("result", item["call_id"], item["output"]))
        return asked


CHAT_PARAMETERS = {
    "messages", "model", "stream", "stream_options", "tools", "tool_choice", "max_tokens", "reasoning_effort",
    "parallel_tool_calls", "user", "temperature", "max_completion_tokens", "thinking",
}  # fmt: skip
"""What all the chat services here document."""


class Provider:
    """A provider on loopback. Answers each turn with the next of *script*, made of the tools it was sent."""

    def __init__(self, model: str, script: list[Callable[[Asked], Said]]) -> None:
        self.name = model.partition("/")[0]
        kind = registry.find(self.name)
        assert kind is not None
        self._by_responses = self.name in {"openai", "azure"}
        wire = kind.wires["chat"]
        self.speaker: Any = ResponsesSpeaker() if self._by_responses else speaker_of(wire)
        self._chats = not self._by_responses and type(self.speaker).__name__ == "OpenAIChatSpeaker"
        self.script = script
        self.asked: list[Asked] = []
        self.errors: list[BaseException] = []

    def respond(self, received: Received) -> Respond:
        try:
            return self._respond(received)
        except BaseException as error:
            self.errors.append(error)
            raise

    def _respond(self, received: Received) -> Respond:
        body = received.json
        if self._chats:
            assert body.keys() <= CHAT_PARAMETERS | {"verbosity", "prompt_cache_key"}, body.keys()
            assert {tool["type"] for tool in body["tools"]} <= {"function", "openrouter:web_search"}
            body = {**body, "tools": [tool for tool in body["tools"] if "function" in tool]}
        for word in ("namespace", "additional_tools", "defer_loading", "tool_reference", "client_metadata"):
            assert f'"{word}"' not in json.dumps(body), word
        asked = self.speaker.asked(received.path.partition("?")[0], _without_marks(body))
        self.asked.append(asked)
        stream = asked.stream or "stream" in received.path or bool(body.get("stream"))
        (reply,) = self.speaker.replies(self.script[len(self.asked) - 1](asked), stream=stream)
        return reply


def _without_marks(value: Any) -> Any:
    """*value* without Converse's cache points and Anthropic's own tools, which its speakers do not know."""
    if isinstance(value, list):
        return [_without_marks(item) for item in value if not _is_mark(item)]
    return {name: _without_marks(item) for name, item in value.items()} if isinstance(value, dict) else value


def _is_mark(item: Any) -> bool:
    return isinstance(item, dict) and ("cachePoint" in item or item.get("type") == "web_search_20250305")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the provider of a model, and leads the model there."""
    upstreams = []

    def make(model: str, *script: Callable[[Asked], Said]) -> Provider:
        made = Provider(model, list(script))
        upstream = Upstream(made.respond)
        upstreams.append(upstream)
        kind = registry.find(made.name)
        assert kind is not None
        for variable, value in SETTINGS.get(made.name, SETTINGS["vertex"]).env.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv(kind.key_env[0], "sk-agent")
        monkeypatch.setenv(kind.base_url_env[0], upstream.url)
        for own in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            monkeypatch.setenv(own, "sk-agent")
        return made

    yield make
    for upstream in upstreams:
        upstream.close()


def calling(ending: str, call_id: str, **arguments: Any) -> Callable[[Asked], Said]:
    """A model that calls the tool whose name ends so; a free text under whatever name the tool has for it."""

    def said(asked: Asked) -> Said:
        name = next(name for name in asked.tools if name.endswith(ending))
        given = arguments
        if "text" in arguments:
            (key,) = asked.tools[name]["properties"]
            given = {key: arguments["text"]}
        return Said(None, calls=(Call(name, given, call_id),))

    return said


def saying(text: str) -> Callable[[Asked], Said]:
    return lambda _: Said(text)


# ----------------------------------------------------------------------------------------- Codex


def function(name: str, **properties: Any) -> Json:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "name": name, "description": "d", "strict": False, "parameters": schema}


STRING = {"type": "string"}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/s"}
RUN = function("exec_command", cmd=STRING)
WAIT = function("wait", cell_id=STRING)
LOOK = {"type": "namespace", "name": "mcp__demo", "description": "d", "tools": [function("look", q=STRING)]}
SEARCH_TOOLS = {
    "type": "tool_search",
    "execution": "client",
    "description": "d",
    "parameters": {"type": "object", "properties": {"query": STRING}},
}

CODEX: dict[str, tuple[Json, list[Json]]] = {
    "in an item": (
        {},
        [
            {
                "type": "additional_tools",
                "id": "at_1",
                "role": "developer",
                "tools": [
                    {
                        "type": "namespace",
                        "name": "functions",
                        "description": "",
                        "tools": [
                            {"type": "custom", "name": "exec", "description": "d", "format": GRAMMAR},
                            WAIT,
                        ],
                    }
                ],
            }
        ],
    ),
    "with a search": (
        {
            "tools": [
                RUN,
                {"type": "custom", "name": "apply_patch", "description": "d", "format": GRAMMAR},
                SEARCH_TOOLS,
                {
                    "type": "web_search",
                    "external_web_access": False,
                    "search_content_types": ["text", "image"],
                },
            ]
        },
        [],
    ),
    "in namespaces": ({"tools": [RUN, LOOK, {"type": "web_search", "external_web_access": False}]}, []),
}
PATCH = '*** Begin Patch\n*** Add File: "a"\n+x\n*** End Patch'

LOOPS: dict[str, list[tuple[Callable[[Asked], Said], Json, Any]]] = {
    "in an item": [
        (
            calling("exec", "call_1", text=PATCH),
            {"type": "custom_tool_call", "namespace": "functions", "name": "exec", "input": PATCH},
            {"type": "custom_tool_call_output", "output": [{"type": "input_text", "text": "Done"}]},
        ),
        (
            calling("wait", "call_2", cell_id="1"),
            {"type": "function_call", "namespace": "functions", "name": "wait"},
            {"type": "function_call_output", "output": "over"},
        ),
    ],
    "with a search": [
        (
            calling("tool_search", "call_1", query="look"),
            {"type": "tool_search_call", "execution": "client", "arguments": {"query": "look"}},
            {"type": "tool_search_output", "execution": "client", "status": "completed", "tools": [LOOK]},
        ),
        (
            calling("look", "call_2", q="x"),
            {"type": "function_call", "namespace": "mcp__demo", "name": "look"},
            {"type": "function_call_output", "output": "found"},
        ),
        (
            calling("apply_patch", "call_3", text=PATCH),
            {"type": "custom_tool_call", "name": "apply_patch", "input": PATCH},
            {"type": "custom_tool_call_output", "output": "Done"},
        ),
    ],
    "in namespaces": [
        (
            calling("exec_command", "call_1", cmd="ls"),
            {"type": "function_call", "name": "exec_command"},
            {"type": "function_call_output", "output": "a b"},
        ),
        (
            calling("look", "call_2", q="x"),
            {"type": "function_call", "namespace": "mcp__demo", "name": "look"},
            {"type": "function_call_output", "output": "found"},
        ),
    ],
}


@pytest.mark.parametrize("form", CODEX)
@pytest.mark.parametrize("model", [name for name in MODELS if not name.startswith("openai/")])
def test_codex(provider, model, form):
    """Its tools arrive, its calls come back in its own items, and the loop goes round. (What it asks its
    own server goes out as it came.)
    """
    options, items = CODEX[form]
    loop = LOOPS[form]
    there = provider(model, *(said for said, _, _ in loop), saying("All done."))
    conversation: list[Any] = [
        *items,
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
    ]
    client = OpenAI(max_retries=0)
    for _, wanted, output in [*loop, (None, None, None)]:
        with client.responses.create(
            model=model,
            input=conversation,
            stream=True,
            store=False,
            include=["reasoning.encrypted_content"],
            reasoning={"effort": "medium", "context": "all_turns"}
            if form == "in an item"
            else {"summary": "auto"},
            text={"verbosity": "low"},
            parallel_tool_calls=form != "in an item",
            tool_choice="auto",
            prompt_cache_key="0123456789" * 4,
            extra_body={"client_metadata": {"session_id": "s"}},
            **options,
        ) as stream:
            done = [event.response for event in stream if event.type == "response.completed"]
        assert not there.errors
        made = [item for item in done[0].output if item.type != "reasoning"]
        if wanted is None:
            assert done[0].output_text == "All done."
            break
        (call,) = (item.model_dump(exclude_none=True) for item in made)
        assert wanted.items() <= call.items()
        conversation += [call, {**output, "call_id": call["call_id"]}]
    assert len(there.asked) == len(loop) + 1
    assert len(there.asked[-1].of("result")) == len(loop)


# ------------------------------------------------------------------------------------ Claude Code

BASH: Json = {
    "name": "Bash",
    "description": "d",
    "input_schema": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"command": STRING, "filter[name]": STRING},
        "required": ["command"],
        "additionalProperties": False,
    },
}
TOOL_SEARCH = {"name": "ToolSearch", "input_schema": {"type": "object", "properties": {"query": STRING}}}
LATER = {
    "name": "mcp__demo__look",
    "input_schema": {"type": "object", "properties": {"q": STRING}},
    "defer_loading": True,
}
WEB = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
SYSTEM = [
    {"type": "text", "text": "agent-attribution: x"},
    {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
]


@pytest.mark.parametrize("model", [name for name in MODELS if not name.startswith("anthropic/")])
def test_claude_code(provider, model):
    """Searches for a tool, calls it, runs a command whose options have odd names, and is done."""
    there = provider(
        model,
        calling("ToolSearch", "call_1", query="look"),
        calling("look", "call_2", q="x"),
        calling("Bash", "call_3", command="ls"),
        saying("All done."),
    )
    results: list[Any] = [
        [{"type": "tool_reference", "tool_name": "mcp__demo__look"}],
        [{"type": "text", "text": "found", "cache_control": {"type": "ephemeral"}}],
        "a b",
    ]
    turns: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "Go on."}]}]
    client = Anthropic(max_retries=0)
    for name, result in zip(["ToolSearch", "mcp__demo__look", "Bash", None], [*results, None], strict=True):
        with client.beta.messages.stream(
            model=model,
            max_tokens=32_000,
            system=SYSTEM,  # type: ignore[arg-type]  # as it goes on the wire
            messages=turns,
            tools=[BASH, TOOL_SEARCH, LATER, WEB],  # type: ignore[list-item]
            thinking={"type": "adaptive"},  # type: ignore[arg-type]
            betas=["context-management-2025-06-27", "tool-search-tool-2025-10-19"],
            metadata={"user_id": json.dumps({"device_id": "d" * 64, "session_id": "s" * 36})},
            extra_body={
                "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
                "output_config": {"effort": "high"},
            },
        ) as stream:
            answer = stream.get_final_message()
        assert not there.errors
        if name is None:
            assert [block.text for block in answer.content if block.type == "text"] == ["All done."]
            break
        (use,) = [block for block in answer.content if block.type == "tool_use"]
        assert (use.name, answer.stop_reason) == (name, "tool_use")
        turns += [
            {
                "role": "assistant",
                "content": [block.model_dump(exclude_none=True) for block in answer.content],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": result}]},
        ]
    assert len(there.asked) == 4
    assert len(there.asked[-1].of("result")) == 3
