"""The call: what is sent for a request, what becomes of each kind of reply, what is told about it."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from openai import NOT_GIVEN, omit
from pydantic import BaseModel, ValidationError

import muxi_llm
from muxi_llm import APIError, ChatCompletion, Completion, Embedding, File, MuxiLLMError
from muxi_llm.core.port import TooLargeError, UnsendableError
from muxi_llm.core.request import Limits, Request
from muxi_llm.errors import InvalidRequestError, ReplyTooLargeError
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.wire.base import dumps
from tests.core import (
    CHAIN,
    REFUSED,
    ask,
    candidate,
    claude_said,
    failed,
    provider_of,
    request_of,
    run,
    said,
    streamed,
    text_of,
)
from tests.support.bodies import HELLO, chat, chunk, completion, embeddings, error, sse

pytestmark = pytest.mark.usefixtures("keys")


# -------------------------------------------------------------------------------------- what is sent


def test_what_is_sent(driver):
    """One POST to the provider's own URL; the key in a header, and nowhere else."""
    _, script = ask(driver, said(), temperature=0.5)
    (sent,) = script.calls
    assert (sent.method, sent.url) == ("POST", "https://api.openai.com/v1/chat/completions")
    assert sent.headers == {"content-type": "application/json", "authorization": "Bearer sk-openai"}
    assert script.bodies == [{"model": "gpt-4", "messages": HELLO, "temperature": 0.5}]
    assert (sent.stream, sent.timeout) == (False, 600.0)


def test_what_is_sent_for_a_stream(driver):
    _, script = ask(driver, streamed("Hi"), stream=True, timeout=3.0)
    (sent,) = script.calls
    assert sent.headers["accept"] == "text/event-stream"
    assert script.bodies[0]["stream"] is True
    assert (sent.stream, sent.timeout) == (True, 3.0)


@pytest.mark.parametrize(
    ("face", "params", "path", "answer"),
    [
        (Completion, {"prompt": "x"}, "/completions", completion()),
        (Embedding, {"input": "x"}, "/embeddings", embeddings()),
    ],
)
def test_the_other_endpoints(driver, face, params, path, answer):
    value, script = driver.scripted(face, Answer(json=answer), model="openai/x", **params)
    assert script.calls[0].url == f"https://api.openai.com/v1{path}"
    assert value.muxi.model == "openai/x"


def test_extra_headers_query_and_body(driver):
    """Sent as they are; headers replace ours, whatever their case."""
    _, script = ask(
        driver,
        said(),
        extra_headers={"X-Trace": "t", "Authorization": "Bearer other"},
        extra_query={"api-version": "1", "tag": ["a", "b"]},
        extra_body={"top_k": 5, "temperature": 0.1},
        temperature=0.9,
    )
    (sent,) = script.calls
    assert sent.url.endswith("/chat/completions?api-version=1&tag=a&tag=b")
    assert (sent.headers["x-trace"], sent.headers["authorization"]) == ("t", "Bearer other")
    assert "Authorization" not in sent.headers
    assert (script.bodies[0]["top_k"], script.bodies[0]["temperature"]) == (5, 0.1)


@pytest.mark.parametrize("absent", [None, omit], ids=["None", "omit"])
def test_a_header_can_be_left_out(driver, absent):
    """As with the openai package; numbers are sent as text."""
    _, script = ask(driver, said(), extra_headers={"Authorization": absent, "X-Nope": absent, "X-Number": 7})
    assert script.calls[0].headers == {"content-type": "application/json", "x-number": "7"}


@pytest.mark.parametrize("absent", [None, NOT_GIVEN, omit], ids=["None", "NotGiven", "omit"])
@pytest.mark.parametrize(
    "option",
    ["timeout", "retries", "fallback_models", "fallback_config", "api_key", "base_url", "extra_headers", "extra_query",
     "extra_body", "provider_options", "adapt", "stream"],
)  # fmt: skip
def test_absent_options_are_no_options(driver, option, absent):
    """However the openai package spells them."""
    value, script = ask(driver, said(), **{option: absent})
    assert text_of(value) == "Hi"
    assert (script.calls[0].timeout, script.calls[0].url[:22]) == (600.0, "https://api.openai.com")


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"adapt": "lenient"}, "adapt"),
        ({"provider_options": {"opnai": {"top_k": 1}}}, "opnai"),
        ({"provider_options": {"openai": 5}}, "provider_options"),
        ({"provider_options": {"openai": {"extra_headers": 5}}}, "extra_headers"),
        ({"provider_options": {"openai": {"extra_query": "a=b"}}}, "extra_query"),
        ({"extra_headers": {"X Y": "1"}}, "X Y"),
        ({"extra_headers": 5}, "extra_headers"),
        ({"extra_body": [1]}, "extra_body"),
        ({"model": {"openai/gpt-4": 1}}, "model"),
        ({"fallback_models": 5}, "fallback_models"),
        ({"fallback_models": "groq/a"}, "fallback_models"),
        ({"fallback_models": CHAIN, "fallback_config": {"max_fallbacks": -1}}, "max_fallbacks"),
        ({"fallback_models": CHAIN, "fallback_config": {"max_fallbacks": "1"}}, "max_fallbacks"),
        (
            {"fallback_models": CHAIN, "fallback_config": {"retriable_errors": "RateLimitError"}},
            "retriable_errors",
        ),
        (
            {"fallback_models": CHAIN, "fallback_config": {"retriable_errors": openai.RateLimitError}},
            "retriable_errors",
        ),
        ({"fallback_models": CHAIN, "fallback_config": {"fallback_callback": 5}}, "fallback_callback"),
    ],
    ids=str,
)
def test_options_that_cannot_be(driver, params, named):
    """Refused by name before any I/O: a misspelt option must not look as if it had worked."""
    raised, script = ask(driver, **params)
    assert isinstance(raised, TypeError | InvalidRequestError)
    assert named in str(raised)
    assert script.calls == []


def test_extra_query_beside_one_of_the_base_url(driver):
    """A provider whose path has a query already."""

    class Versioned(muxi_llm.wire.openai.chat.OpenAIChat):
        path = "/chat?v=1"

    weak = candidate(wires={"chat": Versioned})
    request = Request("chat", {"messages": HELLO}, query={"w": 2}, home="weak")
    _, script = run(driver, request, said(), on=[weak])
    assert script.calls[0].url == "http://weak.test/v1/chat?v=1&w=2"


def test_provider_options_go_to_that_provider_alone(driver):
    """Vendor parameters by provider; they win over `extra_body`."""
    options = {
        "groq": {"service_tier": "flex", "top_k": 1},
        "openai": {"store": True},
        "mistral": {"safe_prompt": True},
    }
    _, script = ask(
        driver, failed(500), said(), fallback_models=CHAIN, provider_options=options, extra_body={"top_k": 9}
    )
    first, second = script.bodies
    assert {"store": True, "top_k": 9}.items() <= first.items()
    assert {"service_tier": "flex", "top_k": 1}.items() <= second.items()
    assert "safe_prompt" not in {**first, **second}


def test_each_candidate_gets_its_own_key_and_url(driver):
    """A call's `api_key` and `base_url` are the first model's; another provider's key never travels."""
    _, script = ask(
        driver,
        *[failed(500)] * 4,
        api_key="sk-mine",
        base_url="http://mine.test/v1",
        fallback_models=["groq/a", "openai/b", "anthropic/claude-sonnet-4-5"],
    )
    sent = [(c.url, c.headers.get("authorization") or c.headers["x-api-key"]) for c in script.calls]
    assert sent == [
        ("http://mine.test/v1/chat/completions", "Bearer sk-mine"),
        ("https://api.groq.com/openai/v1/chat/completions", "Bearer sk-groq"),
        ("http://mine.test/v1/chat/completions", "Bearer sk-mine"),
        ("https://api.anthropic.com/v1/messages", "sk-anthropic"),
    ]


def test_a_key_never_stands_in_a_url_or_a_body(driver):
    _, script = ask(driver, failed(500), claude_said(), fallback_models=["anthropic/claude-sonnet-4-5"])
    for sent in script.calls:
        assert "sk-" not in sent.url
        assert b"sk-" not in sent.body


# -------------------------------------------------------------------------------------- the answer


def test_the_answer_and_its_report(driver):
    """The value is OpenAI's; `.muxi` says how it came about, on the call's clock."""
    value, _ = ask(
        driver, failed(429, retry_after="3"), said(delay=0.5, headers={"X-Request-Id": "req_1"}), retries=1
    )
    assert isinstance(value, openai.types.chat.ChatCompletion)
    report = value.muxi
    assert (report.model, report.latency, report.adaptations) == ("openai/gpt-4", 3.5, ())
    assert [(a.model, a.number, a.seconds, a.waited, a.status) for a in report.attempts] == [
        ("openai/gpt-4", 1, 0.0, 0.0, 429),
        ("openai/gpt-4", 2, 0.5, 3.0, None),
    ]
    assert value._request_id == "req_1"
    assert report.headers["x-request-id"] == "req_1"


def test_unknown_fields_survive(driver):
    answer = chat("Hi")
    answer["system_fingerprint"] = "fp"
    answer["x_groq"] = {"id": "g"}
    answer["choices"][0]["message"]["audio_ref"] = 7
    value, _ = ask(driver, Answer(json=answer))
    assert value.x_groq == {"id": "g"}
    assert value.choices[0].message.audio_ref == 7
    assert value.model_dump(exclude_unset=True) == answer


def test_a_body_that_is_to_be_handed_on_is_kept(driver):
    """For a drop-in client whose own wire the provider speaks: the very bytes."""
    content = dumps(chat("Hi")) + b"  "
    for verbatim, kept in (({"messages": HELLO}, content), (None, None)):
        request = Request("chat", {"messages": HELLO}, verbatim=verbatim)
        value, _ = run(driver, request, Answer(content=content), on=[candidate(verbatim=True)])
        assert value.wire_bytes == kept


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_is_a_success(driver, status):
    value, _ = ask(driver, said(status=status))
    assert text_of(value) == "Hi"


def test_a_redirect_is_not_followed(driver):
    """Keys go to the provider's own base URL only."""
    raised, script = ask(driver, Answer(status=307, headers={"location": "http://evil.test/"}), retries=2)
    assert isinstance(raised, openai.APIStatusError)
    assert raised.status_code == 307
    assert len(script.calls) == 1


def test_an_error_whose_body_breaks_off(driver):
    """Half an error is a failed connection: tried again."""
    broken = Answer(status=400, chunks=[b'{"error"', REFUSED])
    value, script = ask(driver, broken, said(), retries=1)
    assert (text_of(value), len(script.calls)) == ("Hi", 2)
    assert script.readers[0].closed


def test_the_errors_provider_and_model(driver):
    raised, _ = ask(driver, failed(400), model="groq/llama")
    assert (raised.provider, raised.model) == ("groq", "groq/llama")


def test_retry_after_is_on_the_error(driver):
    raised, _ = ask(driver, failed(429, retry_after="7"), retries=0)
    assert raised.retry_after == 7.0


# -------------------------------------------------------------------------------- bugs and endpoints


class Broken(muxi_llm.wire.openai.chat.OpenAIChat):
    """A codec with a bug."""

    def encode_request(self, body: Any, *, stream: bool) -> Any:
        raise ZeroDivisionError


def test_a_bug_is_not_an_outcome(driver):
    """It reaches the caller as it is: no retry, no fallback hides it."""
    request = request_of(Limits(retries=3))
    raised, script = run(driver, request, said(), on=[candidate(wires={"chat": Broken}), candidate("other")])
    assert isinstance(raised, ZeroDivisionError)
    assert script.calls == []


class Stumbling(muxi_llm.wire.openai.chat.OpenAIChat):
    """A codec that trips over what a server said."""

    over = False

    def decode_response(self, data: bytes, *, created: int) -> Any:
        raise ZeroDivisionError

    def stream_decoder(self, *, created: int) -> Any:
        return self

    def feed(self, data: bytes) -> Any:
        raise ZeroDivisionError

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Any:
        raise ZeroDivisionError


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 500])
def test_what_a_server_says_ends_in_an_error_of_ours(driver, stream, status):
    """And the chain goes on, whatever the codec made of it."""
    request = request_of(Limits(), stream=stream)
    first = (
        Answer(status, chunks=sse(chunk({"content": "x"})), content=b"x") if stream else said(status=status)
    )
    second = Answer(chunks=sse(chunk({"content": "Hi"}, finish="stop"))) if stream else said()
    places = [
        candidate(wires={"chat": Stumbling}, streaming_support=True),
        candidate("other", streaming_support=True),
    ]
    value, script = run(driver, request, first, second, on=places)
    assert not isinstance(value, Exception)
    assert len(script.calls) == 2


def test_a_server_that_streams_whatever_it_was_asked(driver):
    """Its chunks are put together; a failure among them is one."""
    parts = b"".join(
        sse(chunk({"role": "assistant", "content": "H"}), chunk({"content": "i"}, finish="stop"))
    )
    head = {"content-type": "text/event-stream; charset=utf-8"}
    value, _ = ask(driver, Answer(content=parts, headers=head))
    assert (text_of(value), value.choices[0].finish_reason) == ("Hi", "stop")
    raised, _ = ask(driver, Answer(content=parts[:-60], headers=head), retries=0)
    assert isinstance(raised, openai.APIError)
    raised, _ = ask(driver, Answer(content=b"", headers=head), retries=0)
    assert isinstance(raised, openai.APIError)


def test_a_failed_answer_falls_back(driver):
    """Its text is on the error of that attempt."""
    value, _ = ask(driver, Answer(json=chat("Half", finish="error")), said(), fallback_models=["groq/llama"])
    assert text_of(value) == "Hi"
    assert value.muxi.attempts[0].error.partial_text == "Half"


def test_a_parameter_that_is_no_json(driver):
    """Named, before anything is sent."""
    raised, script = ask(driver, metadata={"x": object()}, retries=3)
    assert isinstance(raised, InvalidRequestError)
    assert (raised.param, str(raised)) == ("metadata.x", "metadata.x must be JSON data, not object")
    assert script.calls == []


def test_an_endpoint_a_provider_does_not_have(driver):
    """Refused for the only candidate, skipped for a fallback."""
    raised, script = driver.scripted(Embedding, model="groq/x", input="x")
    assert isinstance(raised, InvalidRequestError)
    assert str(raised).startswith("groq has no embedding endpoint (it has: ")
    assert script.calls == []
    raised, script = driver.scripted(
        Embedding,
        failed(500),
        Answer(json=embeddings()),
        model="openai/x",
        input="x",
        fallback_models=["groq/x", "mistral/y"],
    )
    assert raised.muxi.model == "mistral/y"
    assert len(script.calls) == 2


def test_a_provider_without_a_base_url(driver):
    raised, script = run(driver, request_of(), on=[candidate(base_url="")])
    assert isinstance(raised, InvalidRequestError)
    assert (raised.param, str(raised)) == ("base_url", "weak: no base URL; pass base_url=")
    assert script.calls == []


def test_a_keyless_candidate_inside_the_core(driver):
    """The face refuses it earlier; the core refuses it, too."""
    keyless = type(provider_of())(api_key=None, base_url="http://x.test")
    place = type(candidate())(candidate().ref, keyless)
    raised, script = run(driver, request_of(), on=[place])
    assert isinstance(raised, muxi_llm.MissingCredentialsError)
    assert "no API key for weak: set its key variable, muxi_llm.weak_api_key" in str(raised)
    assert script.calls == []


# ------------------------------------------------------------------------------------- both drivers


def test_sync_inside_a_running_loop():
    """Jupyter cells and web handlers may use the sync face: no loop of ours is in the way."""

    async def handler() -> Any:
        with muxi_llm.runtime.using(Scripted(said("inside"))):
            return ChatCompletion.create(model="openai/gpt-4", messages=HELLO)

    assert text_of(asyncio.run(handler())) == "inside"


def test_a_callback_that_suspends_on_the_sync_face():
    """Named as what it is, instead of a hang or a silent skip."""

    async def callback(*_: Any) -> None:
        await asyncio.sleep(0)

    with (
        muxi_llm.runtime.using(Scripted(failed(500))),
        pytest.raises(muxi_llm.core.step.CoreSuspended, match="give synchronous callbacks"),
    ):
        ChatCompletion.create(
            model="openai/gpt-4",
            messages=HELLO,
            fallback_models=CHAIN,
            fallback_config={"fallback_callback": callback},
        )


def test_calls_side_by_side_do_not_mix():
    """Many tasks, one event loop: each gets its own answer and report."""

    async def one(index: int) -> None:
        script = Scripted(failed(500), said(str(index)))
        with muxi_llm.runtime.using(script):
            value = await ChatCompletion.acreate(model=["openai/gpt-4", f"groq/{index}"], messages=HELLO)
        assert (text_of(value), value.muxi.model) == (str(index), f"groq/{index}")

    async def many() -> None:
        await asyncio.gather(*(one(index) for index in range(50)))

    asyncio.run(many())


def test_an_exhausted_script_is_loud(driver):
    """The fake fails a test that sends more than it says."""
    raised, _ = ask(driver, failed(500))
    assert isinstance(raised, AssertionError)
    assert not isinstance(raised, MuxiLLMError)


def test_an_in_band_error_keeps_its_words(driver):
    raised, _ = ask(driver, Answer(json=error("quota gone", code=429)), retries=0)
    assert raised.message == "Error code: 429 - quota gone"
    assert raised.body["message"] == "quota gone"


def test_a_calls_extras_stay_with_the_first_provider(driver):
    """Headers, query and body fields alike, whatever they are called; what traces a request goes along."""
    extras = {
        "extra_headers": {
            "Authorization": "Bearer mine",
            "Helicone-Auth": "mine",
            "TraceParent": "00-1-2-01",
        },
        "extra_query": {"key": "mine"},
        "extra_body": {"tenant": "mine"},
    }
    _, script = ask(
        driver, failed(503), claude_said(), fallback_models=["anthropic/claude-3-haiku"], **extras
    )
    first, second = script.calls
    assert (first.headers["authorization"], first.headers["helicone-auth"]) == ("Bearer mine", "mine")
    assert first.url.endswith("?key=mine")
    assert script.bodies[0]["tenant"] == "mine"
    assert first.headers["traceparent"] == second.headers["traceparent"] == "00-1-2-01"
    assert "mine" not in repr((second.url, second.headers, second.body))


def test_provider_options_name_headers_and_query_too(driver):
    """For whichever candidate they are, and before what the call says for its first model."""
    own = {"extra_headers": {"X-Beta": "a", "X-Own": None}, "extra_query": {"v": "2"}, "seed": 5}
    _, script = ask(
        driver,
        failed(503),
        said(),
        fallback_models=["groq/llama"],
        extra_headers={"X-Beta": "b", "X-Own": "c"},
        provider_options={"openai": own, "groq": {**own, "seed": 6}},
    )
    for call in script.calls:
        assert (call.headers["x-beta"], "x-own" in call.headers, call.url[-4:]) == ("a", False, "?v=2")
    assert [body["seed"] for body in script.bodies] == [5, 6]
    assert not any(name.startswith("extra_") for body in script.bodies for name in body)


def test_what_a_transport_cannot_send_is_not_tried_again(driver):
    """It never could: the caller's mistake, and said without quoting."""
    raised, script = ask(driver, Answer(error=UnsendableError()), retries=3)
    assert isinstance(raised, InvalidRequestError)
    assert (len(script.calls), script.slept) == (1, [])
    assert "base URL" in str(raised)


def test_a_header_that_cannot_be_sent_is_refused_unquoted(driver):
    """Before any I/O, and without telling what may be a key."""
    raised, script = ask(driver, extra_headers={"X-Key": "sécret\n"})
    assert isinstance(raised, InvalidRequestError)
    assert "X-Key" in str(raised)
    assert "cret" not in str(raised)
    assert script.calls == []


@pytest.mark.parametrize("drips", [[b" ", 4.0] * 9, [10.0, b" ", b" "]], ids=["mute", "at the last moment"])
@pytest.mark.parametrize("status", [200, 503])
def test_a_body_that_drips_for_ever_is_late(driver, status, drips):
    """Where a stream was asked for and JSON comes instead, bit by bit."""
    drip = Answer(status, chunks=drips, headers={"content-type": "application/json"})
    raised, script = ask(driver, drip, stream=True, timeout=10.0, retries=0)
    assert isinstance(raised, openai.APITimeoutError)
    assert script.readers[0].closed


def test_a_reply_that_is_too_large_is_not_asked_for_again(driver: Any) -> None:
    """It would be as large again."""
    raised, script = ask(driver, Answer(error=TooLargeError("too much")), retries=5)
    assert type(raised) is ReplyTooLargeError
    assert str(raised).startswith("too much")
    assert len(script.calls) == 1


def test_a_reply_that_is_too_large_goes_to_the_next_candidate(driver: Any) -> None:
    answer, script = ask(
        driver, Answer(error=TooLargeError("x")), said("b"), fallback_models=CHAIN, retries=5
    )
    assert text_of(answer) == "b"
    assert len(script.calls) == 2


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize(
    "text", ['{"name": "Ada", "age": ', 'Sure!\n```json\n{"name": "Ada"}\n```', '{"name": "Ada"}']
)
def test_a_structured_answer_that_does_not_fit_stays_on_the_error(driver, text):
    """It is paid for, and says what went wrong."""
    raised, _ = ask(driver, said(text), response_format=Person)
    assert isinstance(raised, ValidationError)
    assert (raised.raw_content, raised.completion.usage.total_tokens) == (text, 7)
    assert raised.completion.choices[0].message.content == text


def test_a_redirect_says_where_to(driver: Any) -> None:
    """A face does not follow it: keys go to the provider's own base URL alone."""
    moved = Answer(status=307, headers={"location": "https://elsewhere.test/v1/chat/completions"})
    error, script = driver.scripted(ChatCompletion, moved, model="openai/m", messages=HELLO, api_key="k")
    assert error.status_code == 307
    assert "https://elsewhere.test/v1/chat/completions" in str(error)
    assert len(script.calls) == 1


SENT_ON = {
    "where to upload": (
        "create",
        {"file": ("a", b"x"), "purpose": "user_data", "provider": "google"},
        {},
        "no upload URL",
    ),
    "which file has a batch's results": (
        "content",
        {"file_id": "google/batches/b/results"},
        {"name": "batches/b", "response": [1]},
        "makes no sense",
    ),
}
"""What an operation's first reply must say for its second request: reply and message where it does not."""


@pytest.mark.parametrize("case", SENT_ON.values(), ids=SENT_ON)
def test_a_reply_that_does_not_say_whom_to_ask_next(driver, case):
    verb, params, reply, message = case
    script = Scripted(Answer(json=reply))
    params = {**params, "retries": 0, "api_key": "k"}

    def asked():
        if driver.kind == "sync":
            return getattr(File, verb)(**params)
        return asyncio.run(getattr(File, f"a{verb}")(**params))

    with muxi_llm.runtime.using(script), pytest.raises(APIError, match=message):
        asked()
    assert len(script.calls) == 1
