"""OpenAI's Responses wire, inbound: a client's `responses.create` as chat parameters, and its answer.

Source: https://platform.openai.com/docs/api-reference/responses. What a chat provider needs back in the
next turn (signed thinking, opaque state) goes to the client sealed in `encrypted_content` of reasoning
items, and comes back in them. A conversation kept on the server is its keeper's business: see `resume`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm.errors import InvalidRequestError, shown, shown_error
from muxi_llm.wire.arguments import listing
from muxi_llm.wire.base import WireError, dumps_answer
from muxi_llm.wire.mending import count_of
from muxi_llm.wire.openai.chat import OpenAIInbound
from muxi_llm.wire.reading import SENSELESS
from muxi_llm.wire.responses.inbound_request import Conversation
from muxi_llm.wire.responses.inbound_stream import Answer
from muxi_llm.wire.responses.inbound_tools import Toolbox
from muxi_llm.wire.responses.items import decode_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.errors import APIError
    from muxi_llm.models import ChatCompletion, ChatCompletionChunk
    from muxi_llm.wire.base import Json, Ledger

PARAMETERS: Mapping[str, str] = {
    **{name: name for name in ("metadata", "model", "parallel_tool_calls", "prompt_cache_key")},
    **{name: name for name in ("prompt_cache_retention", "safety_identifier", "service_tier", "store")},
    **{name: name for name in ("temperature", "top_logprobs", "top_p", "user")},
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
"""https://platform.openai.com/docs/api-reference/responses/create."""


class ResponsesInbound(OpenAIInbound):
    """OpenAI's Responses, backwards.

    keeps: whether the caller keeps responses; without that, what refers to one is refused. With it, a
    decoded request tells `store`, whether it wants to be kept; `items`, the input to keep; and whether
    `goes_on` from something kept, `previous_response_id`, `conversation`, or items it refers to: then it
    has no messages until it is told by `resume`. `response_id` may be set, to say what the response is
    to be called. not_kept: why what refers to something kept is refused.
    """

    not_kept = "responses are not kept here; send the whole conversation as input"
    parameters: ClassVar[Mapping[str, str] | None] = PARAMETERS

    def __init__(self, ledger: Ledger, *, keeps: bool = False) -> None:
        super().__init__(ledger)
        self._keeps = keeps
        self._asked: Json = {}
        self._answer: Answer | None = None
        self._toolbox = Toolbox(ledger)
        self._sounded = False
        self._fallback_id = ""
        self.items: list[Json] = []
        self.previous_response_id: str | None = None
        self.conversation: str | None = None
        self.store = False
        self.response_id: str | None = None

    # ------------------------------------------------------------------------------------ request

    def decode_request(self, data: bytes) -> Json:
        body = super().decode_request(data)
        self._fallback_id = hashlib.sha256(data).hexdigest()[:24]
        try:
            return self._parameters({name: value for name, value in body.items() if value is not None})
        except SENSELESS as error:
            raise WireError("malformed", f"the request makes no sense: {shown_error(error)}") from error

    def _parameters(self, asked: Json) -> Json:
        self._asked = asked
        for name, why in REFUSED.items():
            if asked.get(name):
                raise InvalidRequestError(f"{name}: {why}", param=name)
        self._keep()
        self.items = items_of(asked, "input", "user")
        self._toolbox.add(asked.get("tools") or (), "tools")
        body: Json = {"messages": [] if self.goes_on else self._messages(self.items)}
        for name, value in asked.items():
            if name in LOST:
                self.ledger.dropped(
                    name, "has no counterpart in a chat", loss=name not in UNHEARD and value not in HARMLESS
                )
            elif name not in TRANSLATED:
                body[name] = value
        if "max_output_tokens" in asked:
            body["max_completion_tokens"] = asked["max_output_tokens"]
        if asked.get("stream"):
            body["stream_options"] = {"include_usage": True}
        self._text(body)
        self._reasoning(body)
        self._tools(body)
        return body

    def _keep(self) -> None:
        self.previous_response_id = self._asked.get("previous_response_id")
        conversation = self._asked.get("conversation")
        self.conversation = conversation.get("id") if isinstance(conversation, dict) else conversation
        for name in ("previous_response_id", "conversation"):
            if self._asked.get(name) and not self._keeps:
                raise InvalidRequestError(f"{name}: {self.not_kept}", param=name)
        self.store = self._keeps and self._asked.get("store", True)
        if self._asked.get("store") and not self._keeps:
            self.ledger.dropped("store", "responses are not kept here", loss=False)

    @property
    def goes_on(self) -> bool:
        """Whether the request means nothing without what is kept."""
        refers = any(item.get("type") == "item_reference" for item in self.items)
        return bool(self.previous_response_id or self.conversation or (self._keeps and refers))

    def resume(self, body: Json, history: Sequence[Json], known: Mapping[str, Json] | None = None) -> None:
        """Give *body*, in place, its messages: *history* (`history_of`) and then its own. known: kept items
        by id, of those that the input refers to.
        """
        kept = {item["id"]: item for item in history if item.get("id")} | dict(known or {})
        self.items = [
            kept.get(item.get("id"), item) if item.get("type") == "item_reference" else item
            for item in self.items
        ]
        body["messages"] = self._messages([*history, *self.items], len(history))
        self._tools(body)

    def _messages(self, items: Sequence[Json], kept: int = 0) -> list[Json]:
        """kept: how many of them are none of the input, but came before it."""
        conversation = Conversation(self.ledger, self._toolbox)
        first = items_of(self._asked, "instructions", "system")
        for name, said, before in (("instructions", first, 0), ("input", items, kept)):
            for index, item in enumerate(said, -before):
                at = f"{name}[{index}]"
                try:
                    conversation.add(item, at)
                except SENSELESS as error:
                    message = f"{at} is not an item: {shown_error(error)}"
                    raise InvalidRequestError(message, param=at) from error
        return conversation.messages()

    def _text(self, body: Json) -> None:
        text = object_in(self._asked, "text")
        wanted = object_in(text, "format", "text.")
        if wanted and wanted.get("type") != "text":
            body["response_format"] = decode_format(wanted)
        if text.get("verbosity"):
            body["verbosity"] = text["verbosity"]
        given = self._asked.get("include") or []
        if not listing(str)(given):
            message = f"include must be a list of strings, not {shown(given)}"
            raise InvalidRequestError(message, param="include")
        include = set(given)
        if "message.output_text.logprobs" in include or body.get("top_logprobs"):
            body["logprobs"] = True
        else:
            body.pop("top_logprobs", None)  # 0 means none, which chat refuses without `logprobs`
        for name in sorted(include - {"message.output_text.logprobs", "reasoning.encrypted_content"}):
            self.ledger.dropped("include", f"a chat has no {shown(name)}")

    def _reasoning(self, body: Json) -> None:
        reasoning = object_in(self._asked, "reasoning")
        for name, value in reasoning.items():
            if name == "effort" and value:
                body["reasoning_effort"] = value
            elif name in {"summary", "generate_summary"} and value:
                self.ledger.dropped(
                    f"reasoning.{name}", "thinking is told wherever the provider tells it", loss=False
                )
            elif value:
                self.ledger.dropped(f"reasoning.{name}", "has no counterpart in a chat")

    def _tools(self, body: Json) -> None:
        if self._toolbox.tools:
            body["tools"] = self._toolbox.tools
        if "tool_choice" in self._asked:
            try:
                body["tool_choice"] = self._toolbox.choice(self._asked["tool_choice"])
            except SENSELESS as error:
                message = f"tool_choice: {shown_error(error)}"
                raise InvalidRequestError(message, param="tool_choice") from error

    # ------------------------------------------------------------------------------------- answer

    def encode_response(self, value: ChatCompletion) -> bytes:  # type: ignore[override]  # chat only
        answer = self._begin(value, listening=False)
        self._tell_sound(value)
        answer.add(value)
        return dumps_answer(answer.finish())

    def encode_chunk(self, chunk: ChatCompletionChunk) -> bytes:  # type: ignore[override]  # chat only
        self._answer = self._answer or self._begin(chunk, listening=True)
        self._tell_sound(chunk)
        self._answer.add(chunk)
        return self._answer.events()

    def encode_end(self) -> bytes:
        answer = self._answer or self._begin(None, listening=True)
        answer.finish()
        return answer.events()

    def encode_fault(self, error: APIError) -> bytes:
        answer = self._answer or self._begin(None, listening=True)
        answer.fail(error)
        return answer.events()

    def _tell_sound(self, value: ChatCompletion | ChatCompletionChunk) -> None:
        for choice in value.choices:
            said = choice.message if hasattr(choice, "message") else choice.delta
            if said.get("audio") and not self._sounded:  # once, of all of a stream's pieces
                self._sounded = True
                param = "choices[0].message.audio"
                self.ledger.dropped(param, "OpenAI's Responses hold no sound of a model's")

    def _begin(self, value: ChatCompletion | ChatCompletionChunk | None, *, listening: bool) -> Answer:
        head: Json = {name: self._asked.get(name, default) for name, default in ECHOED.items()}
        head["text"] = {**ECHOED["text"], **head["text"]}
        head["tools"] = [
            {**ECHOED_TOOL, **tool} if tool["type"] == "function" else tool for tool in head["tools"]
        ]
        if self.conversation:
            head["conversation"] = {"id": self.conversation}
        if value is not None and value.service_tier:
            head["service_tier"] = value.service_tier
        name = (value.id if value is not None else "") or self._fallback_id
        for prefix in ("chatcmpl-", "msg_", "resp_"):
            name = name.removeprefix(prefix)
        head["id"] = self.response_id or f"resp_{name}"
        head["model"] = self._asked.get("model")
        head["created_at"] = count_of(value.created if value is not None else 0) or 0  # read as a float
        head["store"] = self.store
        return Answer(head, self._toolbox, listening=listening)


def items_of(asked: Json, name: str, role: str) -> list[Json]:
    """The items of that field; a text is one message of that role. Refuses what is neither."""
    given = asked.get(name) or ()
    if isinstance(given, str):
        return [{"role": role, "content": given}]
    if not isinstance(given, list | tuple):
        raise InvalidRequestError(
            f"{name} must be a string or a list of items, not {shown(given)}", param=name
        )
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            at, how = f"{name}[{index}]", f'such as {{"role": "{role}", "content": "Hello"}}'
            raise InvalidRequestError(f"{at} must be an item, {how}, not {shown(item)}", param=at)
        if not isinstance(item.get("type"), str | None):
            message = f"{name}[{index}].type must be a string, not {shown(item['type'])}"
            raise InvalidRequestError(message, param=f"{name}[{index}].type")
    return list(given)


def object_in(asked: Json, name: str, at: str = "") -> Json:
    """The object *name*, empty where there is none. Refuses anything else. at: what its name begins with."""
    given = asked.get(name)
    if given is not None and not isinstance(given, dict):
        message = f"{at}{name} must be an object, not {shown(given)}"
        raise InvalidRequestError(message, param=f"{at}{name}")
    return given or {}


# ------------------------------------------------------------------------------------------ tables

REFUSED = {
    "background": "responses are made while you wait here; poll for none",
    "prompt": "templates are kept at OpenAI; send their text as instructions and input",
}

LOST = {
    "access_programs", "client_metadata", "context_management", "image", "max_tool_calls", "stream_options",
    "truncation",
}  # fmt: skip
"""Parameters without a counterpart in chat."""

UNHEARD = {"client_metadata"}
"""Those of them that no model hears of."""

HARMLESS: tuple[Any, ...] = ("disabled", {"include_obfuscation": True}, {"include_obfuscation": False})
"""Their values that ask for what happens anyway."""

TRANSLATED = {
    "input", "instructions", "max_output_tokens", "text", "reasoning", "tools", "tool_choice", "include",
    "store", "previous_response_id", "conversation", *REFUSED,
}  # fmt: skip
"""Parameters that say the same in another place; all others have the same name and meaning."""

ECHOED: Json = {
    "object": "response",
    "background": False,
    "completed_at": None,
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
}
"""What a response repeats of its request, with OpenAI's defaults: all that Open Responses wants there.
https://www.openresponses.org/reference
"""

ECHOED_TOOL: Json = {"description": None, "parameters": None, "strict": None}
"""The same of a function it repeats."""
