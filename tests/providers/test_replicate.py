"""Replicate as a provider: created, waited for, streamed, given up; and where the key goes."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Completion
from muxi_llm.core.port import TransportError
from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.providers.replicate import ReplicateProvider
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger
from tests.support.bodies import HELLO
from tests.support.replicate import API, STREAM, events, prediction, streamable, told
from tests.support.upstream import Respond

MODEL = "replicate/meta/meta-llama-3-8b-instruct"
CREATE = f"{API}/models/meta/meta-llama-3-8b-instruct/predictions"
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """A key in the variable that Replicate's own client reads."""
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_secret")


def ask(driver: Any, *answers: Any, **params: Any) -> Any:
    """A call of the face: its value (or exception) and the script."""
    answers = [answer if isinstance(answer, Answer) else Answer(json=answer) for answer in answers]
    return driver.scripted(ChatCompletion, *answers, **{"model": MODEL, "messages": HELLO, **params})


def sent(script: Any) -> list[tuple[str, str]]:
    """Method and URL of all that went out."""
    return [(call.method, call.url) for call in script.calls]


DONE = prediction(output=["Hi", " you"])
RUNNING = prediction("processing", output=["Hi"])


# -------------------------------------------------------------------------------------------- waiting


def test_done_at_once(driver):
    value, script = ask(driver, Answer(status=201, json=DONE), temperature=0)
    assert value.choices[0].message.content == "Hi you"
    assert value.muxi.model == MODEL
    assert sent(script) == [("POST", CREATE)]
    assert script.bodies == [{"input": {"prompt": "Hello", "temperature": 0}}]
    assert script.calls[0].headers["authorization"] == "Bearer r8_secret"


def test_done_after_a_while(driver):
    value, script = ask(driver, Answer(status=201, json=prediction("starting")), RUNNING, DONE)
    assert value.choices[0].message.content == "Hi you"
    assert sent(script) == [("POST", CREATE), *[("GET", f"{API}/predictions/p1")] * 2]
    assert script.slept == [0.5, 0.5]
    assert script.calls[1].body == b""


@pytest.mark.parametrize(
    ("timeout", "wait", "after"),
    [(600, "60", "600"), (20.5, "20", "21"), (0.5, "1", "5"), (float("inf"), "60", "86400")],
)
def test_how_long_replicate_is_to_wait(driver, timeout, wait, after):
    """It holds the reply back for a minute at most, and gives up when the caller does."""
    _, script = ask(driver, DONE, timeout=timeout)
    headers = script.calls[0].headers
    assert (headers["prefer"], headers["cancel-after"]) == (f"wait={wait}", f"{after}s")


def test_given_up_in_time_and_canceled(driver):
    """The caller waits no longer than asked, and nobody pays for what is not wanted any more."""
    answers = [Answer(status=201, json=RUNNING, delay=1), RUNNING, RUNNING, Answer(json=RUNNING)]
    error, script = ask(driver, *answers, timeout=2, retries=0)
    assert isinstance(error, openai.APITimeoutError)
    assert sent(script)[-1] == ("POST", f"{API}/predictions/p1/cancel")
    assert script.slept == [0.5, 0.5]


def test_the_last_pause_is_no_longer_than_what_is_left(driver):
    _, script = ask(driver, RUNNING, RUNNING, Answer(json=RUNNING), timeout=0.3, retries=0)
    assert script.slept == [0.3]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_question_that_fails_for_now_is_asked_again(driver, status):
    """The prediction goes on: making another would cost twice."""
    value, script = ask(driver, RUNNING, Answer(status=status), DONE)
    assert value.choices[0].message.content == "Hi you"
    assert [method for method, _ in sent(script)] == ["POST", "GET", "GET"]


@pytest.mark.parametrize(
    ("answers", "kind", "said"),
    [
        ([Answer(status=401, json={"title": "Unauthenticated", "detail": "no token"})], openai.AuthenticationError, "no token"),
        ([Answer(status=422, json={"detail": "- input: prompt is required"})], openai.UnprocessableEntityError, "prompt is required"),
        ([RUNNING, Answer(status=404, json={"detail": "gone"})], openai.NotFoundError, "gone"),
        ([RUNNING, prediction("failed", error="Out of memory")], openai.InternalServerError, "Out of memory"),
        ([prediction("canceled")], openai.APIStatusError, "canceled"),
        ([Answer(content=b"<html>")], openai.APIResponseValidationError, "not JSON"),
        ([prediction([])], openai.APIResponseValidationError, "no prediction"),
        ([Answer(content=b"[]")], openai.APIResponseValidationError, "no prediction"),
        ([RUNNING, Answer(error=TransportError("reset"))], openai.APIConnectionError, "reset"),
    ],
    ids=["key", "input", "lost", "failed", "canceled", "status", "HTML", "a list", "reset"],
)  # fmt: skip
def test_errors(driver, answers, kind, said):
    error, script = ask(driver, *answers, retries=0)
    assert isinstance(error, kind)
    assert said in str(error)
    assert len(script.calls) == len(answers)


def test_a_failed_prediction_is_tried_again(driver):
    value, _ = ask(driver, prediction("failed"), DONE, retries=1)
    assert value.choices[0].message.content == "Hi you"


def test_tools_are_refused(driver):
    error, script = ask(driver, tools=[TOOL])
    assert isinstance(error, UnsupportedParameterError)
    assert script.calls == []


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_a_text_completion(driver):
    """Through the chat."""
    value, _ = driver.scripted(Completion, Answer(json=DONE), model=MODEL, prompt="Hello")
    assert value.choices[0].text == "Hi you"


# --------------------------------------------------------------------------------------------- streams


def test_a_stream(driver):
    chunks, script = ask(
        driver, Answer(status=201, json=streamable()), Answer(chunks=told("Hi", " you")), stream=True
    )
    assert collect(chunks).choices[0].message.content == "Hi you"
    assert sent(script) == [("POST", CREATE), ("GET", STREAM)]
    assert json.loads(script.calls[0].body)["stream"] is True
    assert "prefer" not in script.calls[0].headers


def test_the_key_goes_to_its_own_provider_only(driver):
    """A reply names the stream's URL: another host gets no header of ours or of the caller's."""
    _, script = ask(
        driver, streamable(), Answer(chunks=told("Hi")), stream=True, extra_headers={"x-mine": "1"}
    )
    assert script.calls[0].headers["x-mine"] == "1"
    assert script.calls[1].headers == {"accept": "text/event-stream", "cache-control": "no-store"}


@pytest.mark.parametrize(
    ("url", "has_key"),
    [
        (f"{API}/streams/1", True),
        ("https://api.replicate.com:8443/v1/streams/1", False),
        ("https://api.replicate.com.evil.test/v1/streams/1", False),
    ],
)
def test_what_is_its_own_host(driver, url, has_key):
    _, script = ask(driver, streamable(url), Answer(chunks=told("Hi")), stream=True)
    assert ("authorization" in script.calls[1].headers) is has_key


@pytest.mark.parametrize(
    "urls",
    [{"stream": "http://169.254.169.254/"}, {"stream": "llama-cpp:///chat?model=x.gguf"}, {"stream": 1}, []],
    ids=str,
)
def test_a_reply_does_not_name_just_any_place(driver, urls):
    """What is no place of Replicate's is not opened: the prediction is waited for."""
    chunks, script = ask(driver, prediction("starting", urls=urls), DONE, stream=True)
    assert collect(chunks).choices[0].message.content == "Hi you"
    assert sent(script)[1] == ("GET", f"{API}/predictions/p1")


def test_questions_go_to_the_base_url_whatever_the_reply_says(driver):
    urls = {"get": "https://evil.test/p1", "cancel": "https://evil.test/p1/cancel"}
    _, script = ask(driver, prediction("starting", id="../x", urls=urls), DONE)
    assert script.calls[1].url == f"{API}/predictions/..%2Fx"


def test_a_model_that_does_not_stream(driver):
    """Is waited for, and the answer handed out as chunks."""
    chunks, script = ask(driver, RUNNING, DONE, stream=True)
    assert collect(chunks).choices[0].message.content == "Hi you"
    assert sent(script)[1] == ("GET", f"{API}/predictions/p1")


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_a_stream_that_breaks_before_its_first_chunk_falls_back(driver):
    broken = Answer(chunks=events(("error", "Out of memory")))
    answers = [streamable(), broken, streamable(), Answer(chunks=told("Hi"))]
    chunks, script = ask(driver, *answers, stream=True, retries=1)
    assert collect(chunks).choices[0].message.content == "Hi"
    assert len(script.calls) == 4


# --------------------------------------------------------------------------------- over real sockets


def test_waited_for_over_http(driver, upstream):
    upstream.script = [Respond(201, json=prediction("starting")), Respond(json=RUNNING), Respond(json=DONE)]
    value = driver.create(ChatCompletion, model=MODEL, messages=HELLO, base_url=f"{upstream.url}/v1")
    assert value.choices[0].message.content == "Hi you"
    assert [(received.method, received.path) for received in upstream.requests] == [
        ("POST", "/v1/models/meta/meta-llama-3-8b-instruct/predictions"),
        *[("GET", "/v1/predictions/p1")] * 2,
    ]
    assert upstream.requests[0].headers["prefer"] == "wait=60"
    assert {received.headers["authorization"] for received in upstream.requests} == {"Bearer r8_secret"}


def test_streamed_over_http(driver, upstream):
    urls = {"stream": f"{upstream.url}/streams/1"}
    upstream.script = [
        Respond(201, json=prediction("starting", urls=urls)),
        Respond(chunks=told("Hi", " you")),
    ]
    chunks = driver.create(
        ChatCompletion, model=MODEL, messages=HELLO, base_url=f"{upstream.url}/v1", stream=True
    )
    assert collect(chunks).choices[0].message.content == "Hi you"
    assert (upstream.requests[1].method, upstream.requests[1].path) == ("GET", "/streams/1")


def test_a_stream_cut_off_over_http(driver, upstream):
    """Is an error, never the end of an answer."""
    urls = {"stream": f"{upstream.url}/streams/1"}
    upstream.script = [
        Respond(201, json=prediction("starting", urls=urls)),
        Respond(chunks=told("Hi", " you")[:-1], cut=True),
    ]
    with pytest.raises(openai.APIConnectionError):
        driver.create(
            ChatCompletion,
            model=MODEL,
            messages=HELLO,
            base_url=f"{upstream.url}/v1",
            stream=True,
            retries=0,
        )


def test_the_other_variable(driver, monkeypatch):
    monkeypatch.delenv("REPLICATE_API_TOKEN")
    monkeypatch.setenv("REPLICATE_API_KEY", "r8_other")
    _, script = ask(driver, DONE)
    assert script.calls[0].headers["authorization"] == "Bearer r8_other"


def test_lists_are_asked_for_as_they_are(driver):
    """`send` waits for predictions only."""
    provider = ReplicateProvider(api_key="k")
    wire = provider.wire_for("models", "", Ledger("replicate"))
    call = provider.prepare(wire, {}, stream=False, extra={})
    script = Scripted(Answer(json={"models": []}))
    reply = driver.run(provider.send(script, call))
    assert sent(script) == [("GET", f"{API}/collections/language-models")]
    assert provider.read(wire, reply).data == []
