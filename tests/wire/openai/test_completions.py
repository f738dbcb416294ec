"""Text completions: OpenAI's own wire, and the same played on a chat wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import Adaptation, Completion
from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.base import Json, Ledger, Profile, WireError, dumps
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.completions import CompletionsOverChat, OpenAICompletions
from tests.support.bodies import LOGPROBS, USAGE, chat, chat_stream, chunk, completion, sse

INCOMPLETE = WireError("incomplete", "the stream ended without a finish_reason")


def native() -> OpenAICompletions:
    return OpenAICompletions("m", Ledger("acme"), Profile())


def over_chat(*, strict: bool = False) -> CompletionsOverChat:
    return CompletionsOverChat(OpenAIChat("m", Ledger("acme", strict=strict), Profile()))


def streamed(wire: Any, body: Json, *pieces: bytes) -> list[Any]:
    """Every item of the stream that answers *body*."""
    wire.encode_request(body, stream=True)
    decoder = wire.stream_decoder(created=0)
    return [item for piece in pieces for item in decoder.feed(piece)] + decoder.finish()


# ------------------------------------------------------------------------------------ OpenAI's own


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_requests_go_out_as_written(stream: bool) -> None:
    """The model is added, and `stream` where one is wanted."""
    body = {"prompt": ["a", "b"], "echo": True, "logprobs": 0, "suffix": "."}
    encoded = native().encode_request(body, stream=stream)
    assert encoded == {"model": "m", **body, **({"stream": True} if stream else {})}


def test_a_completion() -> None:
    """Typed, unknown fields kept."""
    value = native().decode_response(dumps({**completion(" there"), "usage": USAGE, "x": 1}), created=0)
    assert isinstance(value, Completion)
    assert (value.choices[0].text, value.choices[0].finish_reason) == (" there", "stop")
    assert (value.usage.total_tokens, value.x) == (7, 1)  # type: ignore[union-attr,attr-defined]


def test_a_completion_off_schema() -> None:
    """In OpenAI's words, where there are some."""
    body = {**completion(finish="eos"), "usage": {"prompt_tokens": None}}
    value = native().decode_response(dumps(body), created=0)
    assert (value.choices[0].finish_reason, value.usage.prompt_tokens) == ("stop", None)  # type: ignore[union-attr,comparison-overlap]


@pytest.mark.parametrize(
    "body", [{**completion(), "choices": []}, completion("ha", finish="error")], ids=["empty", "failed"]
)
def test_no_completion(body: dict[str, Any]) -> None:
    """An error, with what there was of it."""
    with pytest.raises(WireError) as caught:
        native().decode_response(dumps(body), created=0)
    assert caught.value.partial == (body["choices"][0]["text"] if body["choices"] else None)


def test_an_end_that_is_not_told() -> None:
    """`[DONE]` says that all is there."""
    *_, last = streamed(native(), {"prompt": "a"}, *sse(completion(" the", finish=None)))
    assert (last.choices[0].text, last.choices[0].finish_reason) == ("", "stop")


PART, END = completion(" the", finish=None), completion("re", finish="stop")


@pytest.mark.parametrize("done", [True, False], ids=["[DONE]", "no [DONE]"])
def test_a_stream(done: bool) -> None:
    """pitfall_74: a completion's stream ends as a chat's does."""
    items = streamed(
        native(), {"prompt": "Hello"}, *sse(PART, END, {**END, "choices": [], "usage": USAGE}, done=done)
    )
    assert [c.text for item in items for c in item.choices] == [" the", "re"]
    assert [type(item) for item in items] == [Completion] * 3
    assert items[-1].usage.total_tokens == 7


@pytest.mark.parametrize("empty", [None, ""], ids=repr)
def test_pitfall_17_a_cut_stream(empty: str | None) -> None:
    """An empty finish_reason ends nothing."""
    pieces = sse({**PART, "choices": [{**PART["choices"][0], "finish_reason": empty}]}, done=False)
    assert streamed(native(), {"prompt": "Hello"}, *pieces)[-1] == INCOMPLETE


PROMPTS: dict[str, tuple[Json, int]] = {
    "a text": ({"prompt": "a"}, 1),
    "tokens": ({"prompt": [1, 2, 3]}, 1),
    "texts": ({"prompt": ["a", "b"]}, 2),
    "lists of tokens": ({"prompt": [[1], [2], [3]]}, 3),
    "an empty list": ({"prompt": []}, 1),
    "one text, two answers": ({"prompt": "a", "n": 2}, 2),
    "two texts, two answers each": ({"prompt": ["a", "b"], "n": 2}, 4),
}


@pytest.mark.parametrize(("body", "answers"), PROMPTS.values(), ids=PROMPTS)
def test_a_stream_is_whole_when_every_answer_is(body: Json, answers: int) -> None:
    """One for every prompt and every `n`."""
    ends = [{**END, "choices": [{**END["choices"][0], "index": i}]} for i in range(answers)]
    assert INCOMPLETE not in streamed(native(), body, *sse(*ends, done=False))
    assert streamed(native(), body, *sse(*ends[:-1], done=False))[-1] == INCOMPLETE


def test_an_error_in_a_stream() -> None:
    """pitfall_16: never a chunk."""
    (error,) = streamed(native(), {"prompt": "a"}, b'data: {"error": {"message": "m", "code": 429}}\n\n')
    assert error.fault.status == 429


# --------------------------------------------------------------------------------------- over chat

SENT: dict[str, tuple[Json, Json]] = {
    "a prompt": ({"prompt": "Hello"}, {}),
    "one prompt in a list": ({"prompt": ["Hello"]}, {}),
    "ordinary parameters": ({"prompt": "Hello", "max_tokens": 5, "n": 2}, {"max_tokens": 5, "n": 2}),
    "logprobs are counted there": ({"prompt": "Hello", "logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
    "no logprobs": ({"prompt": "Hello", "logprobs": None}, {"logprobs": None}),
}


@pytest.mark.parametrize(("body", "params"), SENT.values(), ids=SENT)
def test_a_prompt_is_sent_as_a_user_message(body: Json, params: Json) -> None:
    """And that is told."""
    wire = over_chat()
    encoded = wire.encode_request(body, stream=False)
    assert encoded == {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **params}
    told = "sent as a user message: this provider has no completions endpoint"
    assert wire.ledger.entries == [Adaptation("prompt", "changed", told)]


@pytest.mark.parametrize("name", ["best_of", "echo", "suffix"])
def test_what_chat_cannot_do_is_dropped_and_told(name: str) -> None:
    """Strict mode refuses it."""
    body = {"prompt": "Hello", name: 1}
    wire = over_chat()
    assert name not in wire.encode_request(body, stream=False)
    assert [entry.param for entry in wire.ledger.entries] == [name, "prompt"]
    with pytest.raises(UnsupportedParameterError, match=f"acme: {name} dropped"):
        over_chat(strict=True).encode_request(body, stream=False)


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1, 2]], []], ids=repr)
def test_several_prompts_cannot_be_chatted(prompt: Any) -> None:
    """Nor can tokens."""
    with pytest.raises(UnsupportedParameterError, match="prompt must be one string") as caught:
        over_chat().encode_request({"prompt": prompt}, stream=False)
    assert caught.value.param == "prompt"


def test_an_answer_of_a_chat() -> None:
    """In the completion's form, with everything the chat's had beside its choices."""
    body = {**chat("Hi"), "system_fingerprint": "fp", "citations": ["u"]}
    value = over_chat().decode_response(dumps(body), created=0)
    assert isinstance(value, Completion)
    choice = {"index": 0, "text": "Hi", "finish_reason": "stop", "logprobs": None}
    assert value.model_dump(exclude_unset=True) == {**body, "object": "text_completion", "choices": [choice]}


def test_logprobs_of_a_chat() -> None:
    """A list of tokens becomes lists beside each other."""
    body = chat("Hi", n=1)
    top = [{"token": "Hi", "logprob": -0.5, "bytes": None}, {"token": "Yo", "logprob": -2.0, "bytes": None}]
    body["choices"][0]["logprobs"] = {
        "content": [{**LOGPROBS["content"][0], "top_logprobs": top}],
        "refusal": None,
    }
    logprobs = over_chat().decode_response(dumps(body), created=0).choices[0].logprobs
    assert logprobs.model_dump(exclude_unset=True) == {
        "tokens": ["Hi"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"Hi": -0.5, "Yo": -2.0}],
    }


@pytest.mark.parametrize(("finish", "told"), [("stop", "stop"), ("length", "length"), ("eos", "stop")])
def test_finish_reasons_of_a_chat(finish: str, told: str) -> None:
    """Known or not; a refusal has no text."""
    value = over_chat().decode_response(dumps(chat(None, finish=finish, refusal="No.")), created=0)
    assert (value.choices[0].text, value.choices[0].finish_reason) == ("", told)


def test_a_stream_of_a_chat() -> None:
    """Chunk by chunk, usage at the end."""
    pieces = [*chat_stream("H", "i", done=False), *sse(chunk(usage=USAGE))]
    items = streamed(over_chat(), {"prompt": "Hello"}, *pieces)
    assert [type(item) for item in items] == [Completion] * 5
    assert [(c.text, c.finish_reason) for item in items for c in item.choices] == [
        ("", None), ("H", None), ("i", None), ("", "stop"),
    ]  # fmt: skip
    assert items[-1].usage.total_tokens == 7


def test_a_cut_stream_of_a_chat() -> None:
    """Errors pass as they are."""
    assert (
        streamed(over_chat(), {"prompt": "Hello"}, *chat_stream("H", done=False, finish=None))[-1]
        == INCOMPLETE
    )


def test_it_talks_as_the_chat_wire_does() -> None:
    """The same path and headers, and bodies settled the same way: other wires than OpenAI's can be under it."""
    chat_wire = AnthropicMessages("claude-sonnet-4-5", Ledger("anthropic"), Profile(max_output_tokens=64_000))
    wire = CompletionsOverChat(chat_wire)
    assert (wire.endpoint, wire.path, wire.stream_headers) == (
        "completion",
        chat_wire.path,
        chat_wire.stream_headers,
    )
    assert (wire.model, wire.profile) == (chat_wire.model, chat_wire.profile)
    body = wire.encode_request({"prompt": "Hi", "max_tokens": 10}, stream=False)
    body["thinking"] = {"type": "enabled", "budget_tokens": 9000}
    by_chat = json.loads(json.dumps(body))
    wire.settle(body)
    chat_wire.settle(by_chat)
    assert body == by_chat
    assert body["max_tokens"] > 9000
