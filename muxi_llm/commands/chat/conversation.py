"""What has been said, and asking for more of it."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.chat_completion import ChatCompletion
from muxi_llm.errors import OpenAIError
from muxi_llm.runtime import AdaptationWarning
from muxi_llm.utils.streaming import collect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.commands.chat.attachments import Content
    from muxi_llm.commands.chat.screens import Screen
    from muxi_llm.commands.chat.tools import Tools

ROUNDS = 25
"""How often a model may call tools before it has to answer."""


def state_dir() -> Path:
    """Where chats are kept: below `XDG_STATE_HOME`."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "muxi-llm"


@dataclass
class Conversation:
    """models: a chain, tried in order. params: as `ChatCompletion.create` takes them. spent: USD so far, of
    the answers whose price is known.
    """

    models: list[str]
    params: dict[str, Any]
    tools: Tools
    system: str | None = None
    messages: list[Any] = field(default_factory=list)
    spent: Decimal = Decimal(0)

    def ask(self, content: Content, screen: Screen) -> Any:
        """Say *content*, show what comes, calls of tools with it; the last response.

        What failed was not said; what was stopped stays as far as the model had said something.
        """
        before = len(self.messages)
        self.messages.append({"role": "user", "content": content})
        try:
            for _ in range(ROUNDS):
                response = self._answer(screen)
                message = response.choices[0].message
                self.messages.append(message.model_dump(exclude_unset=True, warnings=False))
                if not message.tool_calls:
                    break
                self._call(message.tool_calls, screen)
        except OpenAIError:
            del self.messages[before:]
            raise
        except KeyboardInterrupt:
            if not _is_said(self.messages[-1]):
                del self.messages[before:]
            raise
        return response

    def _answer(self, screen: Screen) -> Any:
        said = [{"role": "system", "content": self.system}] if self.system else []
        tools = {"tools": self.tools.declared} if self.tools.functions else {}
        with warnings.catch_warnings(), screen.answering():
            warnings.simplefilter("ignore", AdaptationWarning)  # the screen tells them
            given: Any = {"messages": [*said, *self.messages], **TELL_USAGE, **tools, **self.params}
            stream = ChatCompletion.create(model=self.models, stream=True, **given)
            heard = Heard(screen)
            try:
                with stream:
                    response = collect(heard.all_of(stream))
            except KeyboardInterrupt:
                self.messages.append({"role": "assistant", "content": heard.text})
                raise
        self.spent += stream.muxi.cost or 0
        screen.report(stream.muxi, response.usage)
        return response

    def _call(self, calls: Any, screen: Screen) -> None:
        for call in calls:
            result = self.tools.result(call.function.name, call.function.arguments)
            screen.called(call.function.name, call.function.arguments, result)
            self.messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    # ------------------------------------------------------------------------------------ on disk

    def keep(self) -> None:
        """Write it down for `recall`, for this user's eyes alone."""
        path = state_dir() / "chat.json"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - of a handle with its mode
            json.dump({"system": self.system, "messages": self.messages}, file)

    def recall(self) -> bool:
        """Go on with what was kept; whether there was any."""
        try:
            kept = json.loads((state_dir() / "chat.json").read_text(encoding="utf-8"))
            self.messages, system = kept["messages"], kept["system"]
        except (KeyError, OSError, TypeError, ValueError):
            return False
        self.system = self.system or system
        return bool(self.messages)


def _is_said(message: Any) -> bool:
    """Whether a conversation may go on after it: a question nobody answered would be asked twice."""
    return message["role"] == "assistant" and bool(message["content"]) and not message.get("tool_calls")


TELL_USAGE: Any = {"stream_options": {"include_usage": True}}


class Heard:
    """What a stream has said so far."""

    def __init__(self, screen: Screen) -> None:
        self.text = ""
        self._screen = screen

    def all_of(self, stream: Any) -> Iterator[Any]:
        """The chunks, each shown as it comes."""
        for chunk in stream:
            for choice in chunk.choices[:1]:
                if thought := getattr(choice.delta, "reasoning_content", None):
                    self._screen.think(thought)
                if text := choice.delta.content:
                    self.text += text
                    self._screen.say(text)
            yield chunk
