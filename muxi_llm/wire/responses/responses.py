"""OpenAI's Responses wire, outbound: a chat as items, and the items that come back as a chat completion.

Source: https://platform.openai.com/docs/api-reference/responses. The conversation is sent whole and kept
by nobody (`store: false`) unless the caller says otherwise. A turn that is more than text and calls
(reasoning, built-in tools, citations) comes with its items in `extra_content.openai.output` (by the name of
who gave it: others could not read what is sealed in them); sent back, it goes out exactly as it came.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Json, Wire, WireError, build_value, is_neutral, loads, plain, raise_in_band
from muxi_llm.wire.openai.chat import answers_of
from muxi_llm.wire.reading import reading
from muxi_llm.wire.responses.items import (
    decode_annotations,
    decode_usage,
    encode_annotation,
    encode_choice,
    encode_content,
    encode_format,
    encode_tool,
    finish_of,
    reasoning_texts,
    short_id,
    state_of,
)
from muxi_llm.wire.responses.stream import ResponsesStreamDecoder, failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm.wire.base import Ledger, Profile


class OpenAIResponses(Wire):
    """OpenAI Responses."""

    path = "/responses"
    stream_headers = {"accept": "text/event-stream"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self._legacy = False
        self._usage_wanted = False

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        if answers_of(body) > 1:
            raise UnsupportedParameterError("n: Responses give one answer a call; ask n times", param="n")
        stored = bool(body.get("store"))
        out: Json = {"model": self.model, "input": Items(self.ledger, stored=stored).encode(body["messages"])}
        out["store"] = stored
        for name, value in body.items():
            if name in LOST and not is_neutral(name, value):
                self.ledger.dropped(name, "OpenAI's Responses have no such parameter")
            elif name not in LOST and name not in TRANSLATED:
                out[name] = value
        for name in ("max_tokens", "max_completion_tokens"):
            if body.get(name) is not None:
                out["max_output_tokens"] = body[name]
        self._text(body, out)
        self._tools(body, out)
        self._reasoning(body, out)
        options = dict(body.get("stream_options") or {})
        self._usage_wanted = bool(options.pop("include_usage", False))
        if stream:
            out["stream"] = True
            out.update({"stream_options": options} if options else {})
        return out

    def _text(self, body: Mapping[str, Any], out: Json) -> None:
        text = {}
        if body.get("response_format"):
            text["format"] = encode_format(body["response_format"])
        if body.get("verbosity"):
            text["verbosity"] = body["verbosity"]
        if text:
            out["text"] = text
        if body.get("logprobs"):
            out["include"] = ["message.output_text.logprobs"]
            if body.get("top_logprobs"):
                out["top_logprobs"] = body["top_logprobs"]

    def _tools(self, body: Mapping[str, Any], out: Json) -> None:
        tools = [tool if isinstance(tool, dict) else plain(tool) for tool in body.get("tools") or ()]
        self._legacy = bool(body.get("functions"))
        tools += [{"function": function} for function in body.get("functions") or ()]
        tools = [encode_tool(tool) for tool in tools]
        if "web_search_options" in body:
            self.ledger.moved("web_search_options", "sent as the web_search tool")
            tools.append(_web_search(body["web_search_options"] or {}))
        if tools:
            out["tools"] = tools
        choice = body.get("tool_choice")
        if body.get("function_call"):
            named = body["function_call"]
            choice = named if isinstance(named, str) else {"type": "function", "function": named}
        if choice is not None:
            out["tool_choice"] = encode_choice(choice)
        if self._legacy:
            out["parallel_tool_calls"] = False  # the legacy form holds one call

    def _reasoning(self, body: Mapping[str, Any], out: Json) -> None:
        effort = body.get("reasoning_effort") or None
        if effort:
            out["reasoning"] = {"effort": effort}
        # Asked of a model that does not reason, this is a 400; not asked of one that does, and not
        # stored, its reasoning could never be sent back.
        if self.profile.reasons_at(effort) and not out["store"]:
            out["include"] = [*out.get("include", ()), "reasoning.encrypted_content"]

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        if isinstance(raw, dict) and raw.get("status") in {"failed", "cancelled"}:
            with reading("not a response", data):
                said, _ = message_of(raw.get("output") or [], self.ledger.provider, legacy=self._legacy)
            raise failure(raw, said.get("content"))
        raise_in_band(raw)
        with reading("not a response", data):
            return build_value(ChatCompletion, self._value_of(raw, created))

    def _value_of(self, raw: Json, created: int) -> Json:
        if raw.get("status") in {"queued", "in_progress"}:
            raise WireError("malformed", f"the response is not finished: it is {raw['status']}")
        message, logprobs = message_of(raw["output"], self.ledger.provider, legacy=self._legacy)
        called = "tool_calls" in message or "function_call" in message
        finish, native = finish_of(raw, called=called, legacy=self._legacy)
        choice = {"index": 0, "message": message, "finish_reason": finish, "native_finish_reason": native}
        value: Json = {
            "id": raw.get("id") or "",
            "object": "chat.completion",
            "created": int(raw.get("created_at") or created),
            "model": raw.get("model") or self.model,
            "choices": [{**choice, "logprobs": {"content": logprobs, "refusal": None} if logprobs else None}],
        }
        if raw.get("usage"):
            value["usage"] = decode_usage(raw["usage"])
        if raw.get("service_tier"):
            value["service_tier"] = raw["service_tier"]
        return value

    def stream_decoder(self, *, created: int) -> ResponsesStreamDecoder:
        return ResponsesStreamDecoder(
            model=self.model,
            created=created,
            usage=self._usage_wanted,
            legacy=self._legacy,
            whose=self.ledger.provider,
        )


def _web_search(options: Mapping[str, Any]) -> Json:
    tool: Json = {"type": "web_search", **options}
    place = tool.get("user_location") or {}
    if "approximate" in place:
        tool["user_location"] = {"type": "approximate", **place["approximate"]}
    return tool


# ------------------------------------------------------------------------------------------ request


class Items:
    """One conversation's messages → items. stored: whether the provider keeps what it answered."""

    def __init__(self, ledger: Ledger, *, stored: bool) -> None:
        self._ledger = ledger
        self._stored = stored
        self._custom: set[str] = set()
        self._nameless = 0
        self._unanswered: deque[str] = deque()

    def encode(self, messages: list[Any]) -> list[Json]:
        """The items, in the order of the messages."""
        items: list[Json] = []
        for index, raw in enumerate(messages):
            message = raw if isinstance(raw, dict) else plain(raw)
            items += self._message(message, f"messages[{index}]")
        return items

    def _message(self, message: Json, at: str) -> Iterator[Json]:
        role = message["role"]
        if role == "assistant":
            yield from self._assistant(message, at)
        elif role in {"tool", "function"}:
            yield self._result(message, at)
        else:
            if message.get("name"):
                self._ledger.dropped(f"{at}.name", "OpenAI's Responses have no names of participants")
            yield {"role": role, "content": encode_content(message.get("content"), f"{at}.content")}

    def _assistant(self, message: Json, at: str) -> Iterator[Json]:
        kept = ((message.get("extra_content") or {}).get(self._ledger.provider) or {}).get("output")
        if kept:
            self._custom.update(item["call_id"] for item in kept if item["type"] == "custom_tool_call")
            yield from self._replayed(kept, at)
            return
        yield from _said(message)
        for call in message.get("tool_calls") or ():
            yield self._call(call)
        if message.get("function_call"):
            self._nameless += 1
            self._unanswered.append(f"muxi_call_{self._nameless}")
            yield self._call({"id": self._unanswered[-1], "function": message["function_call"]})

    def _replayed(self, kept: list[Json], at: str) -> Iterator[Json]:
        """A turn as it came. Reasoning that can no longer be found goes, and with it the ids by which the
        rest of the turn would ask for it.
        """
        if self._stored or all(map(_is_self_contained, kept)):
            yield from kept
            return
        self._ledger.dropped(f"{at}.extra_content", "reasoning without its encrypted_content", loss=False)
        for item in kept:
            if item["type"] in {"message", "function_call", "custom_tool_call"}:
                yield {name: value for name, value in item.items() if name != "id"}
            elif item["type"] != "reasoning":
                yield item

    def _call(self, call: Json) -> Json:
        call_id = short_id(call["id"])
        if "custom" in call:
            self._custom.add(call_id)
            made = {"name": call["custom"]["name"], "input": call["custom"]["input"]}
            return {"type": "custom_tool_call", "call_id": call_id, **made}
        function = call["function"]
        made = {"name": function["name"], "arguments": function.get("arguments") or "{}"}
        return {"type": "function_call", "call_id": call_id, **made}

    def _result(self, message: Json, at: str) -> Json:
        call_id = message.get("tool_call_id")
        if not call_id and not self._unanswered:
            raise InvalidRequestError(f"{at}.tool_call_id is missing", param=f"{at}.tool_call_id")
        call_id = short_id(call_id) if call_id else self._unanswered.popleft()
        kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
        output = encode_content(message.get("content"), f"{at}.content")
        return {"type": kind, "call_id": call_id, "output": output}


def _is_self_contained(item: Json) -> bool:
    return item["type"] != "reasoning" or bool(item.get("encrypted_content") or item.get("content"))


def _said(message: Json) -> Iterator[Json]:
    """The text of an assistant's message: in the short form, or in parts where it cites or refuses."""
    content = message.get("content")
    if not isinstance(content, str):
        parts = [part if isinstance(part, dict) else plain(part) for part in content or ()]
        refusals = [part for part in parts if part["type"] == "refusal"]
        content = "".join(part["text"] for part in parts if part["type"] == "text")
    else:
        refusals = []
    if message.get("refusal"):
        refusals.append({"type": "refusal", "refusal": message["refusal"]})
    annotations = [encode_annotation(annotation) for annotation in message.get("annotations") or ()]
    if refusals or annotations:
        text = [{"type": "output_text", "text": content, "annotations": annotations}] if content else []
        yield {"type": "message", "role": "assistant", "content": [*text, *refusals]}
    elif content:
        yield {"role": "assistant", "content": content}


# -------------------------------------------------------------------------------------------- reply


def message_of(output: list[Json], whose: str, *, legacy: bool) -> tuple[Json, list[Json]]:
    """*whose* output items → the assistant's message, and its text's logprobs."""
    text, refusal, thoughts, calls = "", "", [], []
    logprobs: list[Json] = []
    cited: dict[str, list[Json]] = {}
    for item in output:
        kind = item["type"]
        if kind == "reasoning":
            thoughts += [words for _, _, words in reasoning_texts(item)]
        elif kind in CALLS:
            calls.append(CALLS[kind](item))
        for part in item["content"] if kind == "message" else ():
            if part["type"] == "output_text":
                for name, entries in decode_annotations(part, len(text)).items():
                    cited.setdefault(name, []).extend(entries)
                text += part["text"]
                logprobs += part.get("logprobs") or ()
            elif part["type"] == "refusal":
                refusal += part["refusal"]
    message: Json = {"role": "assistant", "content": text, "refusal": refusal or None, **cited}
    if not text and (calls or refusal):
        message["content"] = None
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    message.update(state_of(output, whose))
    if calls and legacy:
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    return message, logprobs


def _function_call(item: Json) -> Json:
    function = {"name": item["name"], "arguments": item.get("arguments") or ""}
    return {"id": item["call_id"], "type": "function", "function": function}


def _custom_call(item: Json) -> Json:
    custom = {"name": item["name"], "input": item.get("input") or ""}
    return {"id": item["call_id"], "type": "custom", "custom": custom}


# ------------------------------------------------------------------------------------------ tables

CALLS = {"function_call": _function_call, "custom_tool_call": _custom_call}

LOST = {
    "n", "stop", "seed", "logit_bias", "frequency_penalty", "presence_penalty", "audio", "modalities",
    "prediction",
}  # fmt: skip
"""Parameters of chat without a counterpart."""

TRANSLATED = {
    "messages", "max_tokens", "max_completion_tokens", "response_format", "verbosity", "logprobs",
    "top_logprobs", "tools", "functions", "tool_choice", "function_call", "web_search_options",
    "reasoning_effort", "stream", "stream_options", "store",
}  # fmt: skip
"""Parameters that say the same in another place; all others have the same name and meaning."""
