"""The clients' two roads, quick and the original's own: equal values, streams and errors."""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any

import openai
import pytest

import muxi_llm
from tests.support import bodies
from tests.support.bodies import HELLO
from tests.support.openai_server import plain, run
from tests.support.upstream import Respond, Upstream

COLOURS = ("sync", "async")
ROADS = ("quick", "other")
USAGE = {
    **bodies.USAGE,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0, "novel": 1},
    "completion_tokens_details": {"reasoning_tokens": 1, "accepted_prediction_tokens": 2},
}
CUSTOM = {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "free"}}
AUDIO = {"id": "audio_1", "data": "aGk=", "expires_at": 9, "transcript": "hi"}
CITED = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "title": "t", "url": "u"}}
HI = bodies.chat()["choices"][0]
REPLIES: dict[str, dict[str, Any]] = {
    "plain": bodies.chat(),
    "tools": bodies.chat(None, finish="tool_calls", tool_calls=[bodies.CALL, CUSTOM]),
    "function call": bodies.chat(None, finish="function_call", function_call=bodies.CALL["function"]),
    "refusal": bodies.chat(None, refusal="I will not."),
    "audio and citations": bodies.chat(None, audio=AUDIO, annotations=[CITED]),
    "logprobs": {**bodies.chat(), "choices": [{**HI, "logprobs": bodies.LOGPROBS}]},
    "several": {**bodies.chat(), "choices": [HI, {**HI, "index": 1, "finish_reason": "length"}]},
    "usage": {**bodies.chat(), "usage": USAGE},
    "no usage": {**bodies.chat(), "usage": None},
    "extras": {**bodies.chat("Hi", reasoning_content="hm", novel=[1]), "novel": {"a": None}, "x_groq": {}},
    "unknown values": {**bodies.chat(finish="novel"), "service_tier": "novel"},
    "of another schema": {**bodies.chat(), "created": "yesterday", "choices": [{**HI, "finish_reason": 7}]},
    "no choices": {**bodies.chat(), "choices": []},
}


def asked(client: Any, road: str, **params: Any) -> Any:
    """A chat by one of the roads. A header of a call's own is too unusual for the quick one."""
    extra: Any = {"extra_headers": {"X-A": "b"}} if road == "other" else {}
    return client.chat.completions.create(**{"model": "gpt-4", "messages": HELLO, **extra, **params})


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", REPLIES)
def test_values(name: str, road: str, server: Upstream) -> None:
    """Field by field the original's value: dumps, what was set, extras, JSON, classes, request id."""
    reply = Respond(json=REPLIES[name], headers={"x-request-id": "req_1"})
    given = {"api_key": "k", "base_url": f"{server.url}/v1"}
    server.script = [reply, reply]
    with openai.OpenAI(**given) as original, muxi_llm.OpenAI(**given) as client:
        theirs, ours = asked(original, "other"), asked(client, road)
    assert plain(ours) == plain(theirs)
    assert ours.to_dict() == theirs.to_dict()
    assert ours.to_json() == theirs.to_json()
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert ours.model_extra == theirs.model_extra
    assert isinstance(ours, type(theirs))
    for mine, original_choice in zip(ours.choices or (), theirs.choices or (), strict=True):
        assert isinstance(mine, type(original_choice))
        assert isinstance(mine.message, type(original_choice.message))


@pytest.mark.parametrize("road", ROADS)
def test_reports(road: str, server: Upstream) -> None:
    """Who answered is on every value, whichever road it came."""
    with muxi_llm.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client:
        report = asked(client, road).muxi
    assert [(attempt.model, attempt.reason) for attempt in report.attempts] == [("openai/gpt-4", "answered")]
    assert report.model == "openai/gpt-4"
    assert report.headers["x-request-id"] == "req_POST"


JSON = {"Content-Type": "application/json"}
NO_ANSWERS: dict[str, Respond] = {
    "an object": Respond(json={"status": "ok"}),
    "an error": Respond(json={"error": {"message": "no", "code": 429}}),
    "a list": Respond(json=[1]),
    "null": Respond(json=None, body=b"null", headers=JSON),
    "a page": Respond(body=b"<html>", headers={"Content-Type": "text/html"}),
}
HALVES: dict[str, Respond] = {
    "half": Respond(body=b'{"choices": [', headers=JSON),
    "nothing": Respond(body=b"", headers=JSON),
    "no type": Respond(body=b"hello"),
}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_success_without_an_answer(name: str, colour: str, server: Upstream) -> None:
    """Of the own server: what the original makes of it, at once; it is not for us to ask again."""
    calls = (
        lambda c: c.chat.completions.create(model="gpt-4", messages=HELLO),
        lambda c: c.completions.create(model="gpt-4", prompt="Once"),
    )
    told = []
    for module in (openai, muxi_llm):
        server.script = [NO_ANSWERS[name]] * 2
        told.append(run(module, colour, server, *calls))
    assert told[1] == told[0]
    assert len(told[0][1]) == 2


@pytest.mark.parametrize("module", [openai, muxi_llm], ids=["original", "ours"])
@pytest.mark.parametrize("name", HALVES)
def test_half_a_success(name: str, module: Any, server: Upstream) -> None:
    """The original lets the error of the JSON through."""
    server.script = [HALVES[name]]
    with module.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client, pytest.raises(JSONDecodeError):
        asked(client, "quick")
    assert len(server.requests) == 1


def test_with_arguments_of_ours_it_is_a_failure(server: Upstream) -> None:
    """Then it is for us to ask again."""
    server.script = [NO_ANSWERS["an object"]] * 2
    with muxi_llm.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client:
        said = asked(client, "quick", retries=2)
    assert [attempt.reason[:19] for attempt in said.muxi.attempts] == ["MalformedReplyError"] * 2 + [
        "answered"
    ]


@pytest.mark.parametrize("road", ROADS)
def test_strict_validation(road: str, server: Upstream) -> None:
    """`_strict_response_validation` refuses a reply of another schema, and no other."""
    given: Any = {"base_url": f"{server.url}/v1", "_strict_response_validation": True}
    server.script = [Respond(json=bodies.chat()), Respond(json={**bodies.chat(), "created": "yesterday"})]
    with muxi_llm.OpenAI(api_key="k", **given) as client:
        assert asked(client, road).choices[0].message.content == "Hi"
        with pytest.raises(openai.APIResponseValidationError):
            asked(client, road)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("model", ["groq/a", "anthropic/claude-3-haiku"])
def test_streams_of_others(model: str, colour: str, server: Upstream, foreign: Upstream) -> None:
    """The same chunks by both roads."""
    one, other = (
        run(muxi_llm, colour, server, lambda c: asked(c, road, model=model, stream=True))[0][0]  # noqa: B023
        for road in ROADS
    )
    assert [kind for kind, _, _ in one] == ["ChatCompletionChunk"] * len(one)
    assert "".join(dump["choices"][0]["delta"]["content"] or "" for _, dump, _ in one if dump["choices"])
    assert [_timeless(dump) for _, dump, _ in one] == [_timeless(dump) for _, dump, _ in other]


def _timeless(dump: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dump.items() if name != "created"}


WRONG = bodies.error("no such thing", param="model", code="a_code", type="a_type")
FAILURES: dict[str, Respond] = {
    **{str(status): Respond(status, json=WRONG) for status in (400, 401, 403, 404, 409, 422, 429, 500, 503)},
    "408": Respond(408, json=WRONG),
    "418": Respond(418, json=WRONG),
    "302": Respond(302, json=WRONG),
    "no JSON": Respond(502, body=b"<html>bad gateway</html>", headers={"Content-Type": "text/html"}),
    "no body": Respond(404),
    "a string": Respond(400, json={"error": "no"}),
    "numbers": Respond(400, json={"error": {"message": "no", "code": 7, "type": None}}),
    "no error": Respond(400, json={"message": "no", "code": "c"}),
    "hung up": Respond(body=b"{}", cut=True),
}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", FAILURES)
def test_errors(name: str, colour: str, road: str, server: Upstream) -> None:
    """Every kind of error says what the original says."""
    FAILURES[name].headers["x-request-id"] = "req_e"
    told = []
    for module, way in (openai, "other"), (muxi_llm, road):
        server.script = [FAILURES[name]]
        with pytest.raises(openai.APIError) as caught:
            run(module, colour, server, lambda c: asked(c, way), max_retries=0)  # noqa: B023
        told.append(caught.value)
    theirs, ours = told
    assert isinstance(ours, type(theirs))
    for field in ("code", "param", "type", "body", "status_code", "request_id"):
        assert (getattr(ours, field, None) or None) == (getattr(theirs, field, None) or None), field
    if isinstance(theirs, openai.APIStatusError):  # ours may tell more where the original tells nothing
        assert str(ours).startswith(str(theirs))
    assert (ours.request.method, ours.request.url) == (theirs.request.method, theirs.request.url)
    if isinstance(theirs, openai.APIStatusError):
        assert ours.response.status_code == theirs.response.status_code
        assert ours.response.content == theirs.response.content
        assert ours.response.headers["x-request-id"] == "req_e"


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("colour", COLOURS)
def test_nobody_there(colour: str, road: str, server: Upstream) -> None:
    """A connection that cannot be made."""
    with pytest.raises(openai.APIConnectionError) as caught:
        run(
            muxi_llm,
            colour,
            server,
            lambda c: asked(c, road),
            max_retries=0,
            base_url="http://127.0.0.1:1",
        )
    assert not isinstance(caught.value, openai.APITimeoutError)
    assert str(caught.value.request.url) == "http://127.0.0.1:1/chat/completions"
