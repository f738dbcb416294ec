"""What may be typed in a chat instead of a message."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm.commands.chat import attachments
from muxi_llm.commands.chat.attachments import Misunderstood

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.commands.chat.attachments import Content
    from muxi_llm.commands.chat.conversation import Conversation
    from muxi_llm.commands.chat.screens import Screen


class Ended(Exception):  # noqa: N818 - nothing is wrong
    """The chat is over."""


def content_of(line: str, talk: Conversation, screen: Screen) -> Content | None:
    """The message that *line* is; `None` where it was a word, which is done then. Raises `Misunderstood` and
    `Ended`.
    """
    line = line.strip()
    if not line.startswith("/"):
        return line or None
    word, _, rest = line.partition(" ")
    if word not in WORDS:
        raise Misunderstood(f"there is no {word}; /help shows what there is")
    return WORDS[word][1](rest.strip(), talk, screen)


def _help(_: str, __: Conversation, screen: Screen) -> None:
    wide = max(map(len, WORDS))
    screen.note("\n".join(f"{word:{wide}}  {about}" for word, (about, _) in WORDS.items()) + f"\n{KEYS}")


def _model(rest: str, talk: Conversation, screen: Screen) -> None:
    if rest:
        talk.models = rest.split()
    screen.note(" → ".join(talk.models))


def _system(rest: str, talk: Conversation, screen: Screen) -> None:
    if rest:
        talk.system = rest
    screen.note(talk.system or "the model is told nothing")


def _attach(rest: str, _: Conversation, __: Screen) -> Content:
    try:
        files = shlex.split(rest)
    except ValueError as error:
        raise Misunderstood(f"/attach: {error}") from None
    if not files:
        raise Misunderstood("/attach FILE what to ask of it")
    return attachments.content_of(" ".join(files[1:]), files[:1])


def _new(_: str, talk: Conversation, screen: Screen) -> None:
    talk.messages.clear()
    screen.note("all is forgotten")


def _cost(_: str, talk: Conversation, screen: Screen) -> None:
    screen.note(f"${talk.spent:.6f} so far")


def _save(rest: str, talk: Conversation, screen: Screen) -> None:
    if not rest:
        raise Misunderstood("/save FILE")
    path = Path(rest).expanduser()
    try:
        path.write_text(json.dumps(talk.messages, indent=2, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise Misunderstood(f"/save: {rest}: {error.strerror}") from None
    screen.note(f"{len(talk.messages)} messages in {path}")


def _end(_: str, __: Conversation, ___: Screen) -> None:
    raise Ended


KEYS = "Alt-Enter begins a new line, Ctrl-C stops an answer, Ctrl-D ends the chat"

WORDS: dict[str, tuple[str, Callable[[str, Conversation, Screen], Content | None]]] = {
    "/model": ("MODEL ...: ask that one from now on, the next ones if it fails", _model),
    "/system": ("TEXT: how the model is to behave", _system),
    "/attach": ("FILE QUESTION: send an image, a PDF, a sound or text", _attach),
    "/new": ("forget what was said", _new),
    "/cost": ("what it has cost so far", _cost),
    "/save": ("FILE: write the messages down as JSON", _save),
    "/help": ("this", _help),
    "/quit": ("end", _end),
}
