"""What broke in the libraries before this one. Each test is named after its row in the list of faults."""

from __future__ import annotations

import asyncio
import base64
import copy
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.core.port import TransportError
from muxi_llm.transport.scripted import Answer, Scripted
from tests.core import (
    CHAIN,
    REFUSED,
    ask,
    candidate,
    claude_said,
    failed,
    request_of,
    run,
    said,
    streamed,
    text_of,
)
from tests.support.bodies import (
    HELLO,
    chat,
    chat_stream,
    chunk,
    completion,
    embeddings,
    error,
    events,
    message_stream,
    sse,
)
from tests.support.upstream import Received, Respond, Upstream

pytestmark = [
    pytest.mark.usefixtures("keys"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

CLAUDE = "anthropic/claude-sonnet-4-5"
IMAGE = {"type": "image_url", "image_url": {"url": "http://x/a.png"}}
TEXT = {"type": "text", "text": "look"}


def joined(chunks: Any) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


# ------------------------------------------------------------------------------------------ streams


def test_fault_01_a_for_loop_over_a_sync_stream():
    with muxi_llm.runtime.using(Scripted(streamed("a", "b"))):
        texts = [
            c.choices[0].delta.content for c in ChatCompletion.create("openai/gpt-4", HELLO, stream=True)
        ]
    assert texts == ["", "a", "b", None]


def test_fault_02_an_async_for_loop_over_an_awaited_stream(upstream):
    """Over a socket that stays open until the last chunk is read."""
    upstream.script = [Respond(chunks=chat_stream("a", "b"))]
    muxi_llm.openai_base_url = upstream.url

    async def main() -> str:
        stream = await ChatCompletion.acreate("openai/gpt-4", HELLO, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in stream])

    assert asyncio.run(main()) == "ab"


def test_fault_08_a_broken_stream_falls_back(driver):
    """HTTP errors and breaks before the first chunk, all of them."""
    for broken in (failed(429), failed(500), failed(503), Answer(error=REFUSED), Answer(chunks=[])):
        chunks, script = ask(driver, broken, streamed("b"), stream=True, fallback_models=CHAIN)
        assert (joined(chunks), len(script.calls)) == ("b", 2)


def test_fault_09_an_error_event_in_mid_stream_is_raised(driver):
    """Never a truncated text without an exception."""
    events_ = [*chat_stream("half", done=False, finish=None), *sse(error("overloaded", code=529))]
    raised, _ = ask(driver, Answer(chunks=events_), stream=True)
    assert isinstance(raised, openai.InternalServerError)
    assert raised.partial_text == "half"


def test_fault_10_the_usage_chunk(driver):
    """It has no choices, and it is handed out."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    pieces = [*chat_stream("a", done=False), *sse(chunk(None, usage=usage))]
    chunks, script = ask(driver, Answer(chunks=pieces), stream=True, stream_options={"include_usage": True})
    assert script.bodies[0]["stream_options"] == {"include_usage": True}
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 7)


def test_fault_41_tool_calls_of_a_native_stream(driver):
    """Anthropic's, in OpenAI's deltas."""
    start = {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1}}}
    block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    pieces = events(
        start,
        {"type": "content_block_start", "index": 0, "content_block": block},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '{"a"'},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": ": 1}"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )
    chunks, _ = ask(driver, Answer(chunks=pieces), model=CLAUDE, stream=True)
    calls = [call for c in chunks for call in c.choices[0].delta.tool_calls or ()]
    assert (calls[0].index, calls[0].id, calls[0].function.name) == (0, "toolu_1", "f")
    assert "".join(call.function.arguments or "" for call in calls) == '{"a": 1}'
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_fault_42_reasoning_and_logprobs_of_a_stream(driver):
    """Fields beside the content are kept."""
    thinking = chunk({"reasoning_content": "hm"})
    scored = chunk({"content": "a"})
    scored["choices"][0]["logprobs"] = {
        "content": [{"token": "a", "logprob": -0.1, "bytes": None, "top_logprobs": []}]
    }
    chunks, _ = ask(driver, Answer(chunks=sse(thinking, scored, chunk({}, finish="stop"))), stream=True)
    assert chunks[0].choices[0].delta.reasoning_content == "hm"
    assert chunks[1].choices[0].logprobs.content[0].logprob == -0.1


def test_fault_44_a_stream_of_completions_is_typed(driver):
    """The same type whoever the provider is, one that only chats included."""
    pieces = sse(completion("a", None), completion("b", "stop"))
    chunks, _ = driver.scripted(Completion, Answer(chunks=pieces), model="openai/x", prompt="p", stream=True)
    assert [(type(c).__name__, c.choices[0].text) for c in chunks] == [
        ("Completion", "a"),
        ("Completion", "b"),
    ]
    chunks, _ = driver.scripted(
        Completion, Answer(chunks=message_stream("a", "b")), model=CLAUDE, prompt="p", stream=True
    )
    assert {type(c) for c in chunks} == {muxi_llm.models.Completion}
    assert "".join(c.choices[0].text for c in chunks) == "ab"


# --------------------------------------------------------------------------- chains and settings


def test_fault_03_a_list_of_models_is_a_chain(driver):
    value, _ = ask(driver, failed(500), said("b"), model=["openai/gpt-4", "groq/llama"])
    assert (text_of(value), value.muxi.model) == ("b", "groq/llama")


def test_fault_05_a_key_set_on_the_package(driver, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    muxi_llm.openai_api_key = "x"
    _, script = ask(driver, said())
    assert script.calls[0].headers["authorization"] == "Bearer x"


def test_fault_06_the_configured_fallback_is_used(driver):
    muxi_llm.config.fallback = {"default_chains": {"chat": ["openai/gpt-4", "groq/llama"]}, "max_retries": 1}
    value, script = ask(driver, failed(500), failed(500), said("b"))
    assert (value.muxi.model, len(script.calls)) == ("groq/llama", 3)


@pytest.mark.parametrize(
    "broken",
    [failed(503), failed(408), failed(529), Answer(error=REFUSED), Answer(error=TransportError("dns"))],
    ids=["503", "408", "529", "refused", "dns"],
)
def test_fault_07_what_falls_back(driver, broken):
    value, _ = ask(driver, broken, said("b"), fallback_models=CHAIN)
    assert text_of(value) == "b"


def test_fault_07_a_port_nobody_listens_on(driver):
    """Over a real socket: refused, and the next one answers."""
    with Upstream(lambda _: Respond(json=chat("b"))) as server, Upstream() as closed:
        closed.close()
        muxi_llm.openai_base_url, muxi_llm.groq_base_url = closed.url, server.url
        value = driver.create(ChatCompletion, model=["openai/gpt-4", "groq/llama"], messages=HELLO)
    assert (text_of(value), value.muxi.model) == ("b", "groq/llama")


def test_fault_26_an_overloaded_anthropic(driver):
    """529 is tried again, and falls back."""
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    overloaded = Answer(status=529, json=body)
    value, _ = ask(driver, overloaded, claude_said("b"), model=CLAUDE, retries=1)
    assert text_of(value) == "b"
    value, _ = ask(driver, overloaded, said("c"), model=[CLAUDE, "openai/gpt-4"])
    assert text_of(value) == "c"
    assert isinstance(value.muxi.attempts[0].error, openai.InternalServerError)


# ------------------------------------------------------------------------------------------- values


def test_fault_11_attributes_and_dumps(driver):
    """OpenAI's way and the README's way, on the same value."""
    value, _ = ask(driver, said("Hi"))
    assert value.choices[0].message.content == value.choices[0].message["content"] == "Hi"
    assert (value.usage.total_tokens, value.model_dump()["usage"]["total_tokens"]) == (7, 7)


def test_fault_40_request_id_headers_and_rate_limits_of_an_error(driver):
    raised, _ = ask(driver, failed(429, x_request_id="req_1", x_ratelimit_remaining_tokens="0"), retries=0)
    assert raised.request_id == "req_1"
    assert raised.response.headers["x-ratelimit-remaining-tokens"] == "0"
    assert (raised.status_code, raised.body["message"]) == (429, "status 429")


def test_fault_43_embeddings(driver):
    """Dimensions, tokens and base64 go out; what comes back is floats unless base64 was asked for."""
    packed = base64.b64encode(struct.pack("<2f", 0.5, -0.25)).decode()
    params = {"model": "openai/e", "input": [[1, 2], [3]], "dimensions": 2}
    value, script = driver.scripted(Embedding, Answer(json=embeddings(packed, packed)), **params)
    assert script.bodies == [{"model": "e", "input": [[1, 2], [3]], "dimensions": 2}]
    assert [row.embedding for row in value.data] == [[0.5, -0.25]] * 2
    value, script = driver.scripted(
        Embedding, Answer(json=embeddings(packed, packed)), **params, encoding_format="base64"
    )
    assert script.bodies[0]["encoding_format"] == "base64"
    assert [row.embedding for row in value.data] == [packed] * 2


# ----------------------------------------------------------------------------------------- requests


def test_fault_15_the_developer_role(driver):
    messages = [{"role": "developer", "content": "Be brief."}, *HELLO]
    _, script = ask(driver, said(), messages=messages)
    assert script.bodies[0]["messages"] == messages
    _, script = ask(driver, said(), messages=messages, model="groq/llama")
    assert script.bodies[0]["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be brief."}], None], ids=str)
def test_fault_18_json_mode_leaves_the_callers_messages_alone(driver, system):
    """Nothing is appended to the caller's own list."""
    messages = [{"role": "system", "content": system}, *HELLO] if system else list(HELLO)
    before = copy.deepcopy(messages)
    _, script = ask(
        driver, claude_said("{}"), model=CLAUDE, messages=messages, response_format={"type": "json_object"}
    )
    assert messages == before
    assert "JSON" in str(script.bodies[0]["system"])


def test_fault_19_json_mode_with_a_system_message_of_parts(driver):
    messages = [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, *HELLO]
    value, script = ask(
        driver, claude_said("{}"), model=CLAUDE, messages=messages, response_format={"type": "json_object"}
    )
    assert text_of(value) == "{}"
    assert "Be brief." in str(script.bodies[0]["system"])


@pytest.mark.parametrize(
    ("row", "part"),
    [
        (27, {"type": "video_url", "video_url": {"url": "u"}}),
        (28, {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}),
        (28, {"type": "audio_url", "audio_url": {"url": "u"}}),
    ],
    ids=["fault_27", "fault_28", "fault_28 by URL"],
)
def test_fault_27_28_media_a_provider_does_not_take(driver, row, part):
    """Removed and told, never passed through."""
    value, script = ask(
        driver, said(), model="groq/llama", messages=[{"role": "user", "content": [TEXT, part]}]
    )
    assert script.bodies[0]["messages"][0]["content"] == [TEXT]
    assert [a.param for a in value.muxi.adaptations] == ["messages[0].content[1]"]


def test_fault_29_a_message_of_nothing_but_an_image(driver):
    """Never a request without messages."""
    raised, script = ask(driver, model="deepseek/chat", messages=[{"role": "user", "content": [IMAGE]}])
    assert isinstance(raised, muxi_llm.UnsupportedParameterError)
    assert script.calls == []


def test_fault_30_only_what_is_not_supported_is_removed(driver):
    """No vision is no reason to drop a file."""
    sheet = {"type": "file", "file": {"file_id": "f"}}
    request = request_of(messages=[{"role": "user", "content": [TEXT, IMAGE, sheet]}])
    _, script = run(driver, request, said(), on=[candidate(file_input_support=True)])
    assert script.bodies[0]["messages"][0]["content"] == [TEXT, sheet]


def test_fault_35_call_options_stay_out_of_the_body(driver):
    _, script = ask(driver, said(), timeout=5.0, extra_headers={"X-A": "1"}, extra_body={"top_k": 1})
    assert script.bodies == [{"model": "gpt-4", "messages": HELLO, "top_k": 1}]
    assert (script.calls[0].timeout, script.calls[0].headers["x-a"]) == (5.0, "1")


# --------------------------------------------------------------------- loops, sockets and threads

TRANSPORTS = pytest.mark.parametrize("transport", ["auto", "httpx2", "fast"])


def echo(received: Received) -> Respond:
    """Says who asked for what, with which key."""
    key = received.headers["authorization"].removeprefix("Bearer ")
    return Respond(json=chat(f"{received.json['messages'][0]['content']} {key}"))


@TRANSPORTS
def test_fault_34_a_sync_call_inside_a_running_loop(transport):
    muxi_llm.config.transport = transport

    async def handler() -> Any:
        return ChatCompletion.create("openai/gpt-4", HELLO)

    with Upstream(echo) as server:
        muxi_llm.openai_base_url = server.url
        assert text_of(asyncio.run(handler())) == "Hello sk-openai"


@TRANSPORTS
@pytest.mark.parametrize("face", ["sync", "async"])
def test_fault_37_connections_are_kept(transport, face):
    """Twenty calls, one connection: no new client for each. The fast transport's thread gives it back a little late."""
    muxi_llm.config.transport = transport

    async def main() -> None:
        for _ in range(20):
            if face == "sync":
                ChatCompletion.create("openai/gpt-4", HELLO)
            else:
                await ChatCompletion.acreate("openai/gpt-4", HELLO)

    with Upstream(echo) as server:
        muxi_llm.openai_base_url = server.url
        asyncio.run(main())
        assert len(server.requests) == 20
        assert server.accepted == 1 or (transport == "fast" and server.accepted < 20)


@TRANSPORTS
def test_fault_39_48_threads_do_not_share_what_is_a_calls_own(transport):
    """Keys, models and capabilities of one call are never seen by another, however many run."""
    muxi_llm.config.transport = transport

    def one(index: int) -> bool:
        seen = [{"role": "user", "content": [{"type": "text", "text": str(index)}, IMAGE]}]
        model = f"{'groq' if index % 2 else 'cerebras'}/model"  # with vision and without
        value = ChatCompletion.create(model, seen, api_key=f"key-{index}", base_url=server.url)
        kept = [{"type": "text", "text": str(index)}, *([IMAGE] if index % 2 else [])]
        return text_of(value) == f"{kept} key-{index}" and len(value.muxi.adaptations) == 1 - index % 2

    with Upstream(echo) as server, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(100)))


def test_fault_39_a_call_changes_no_setting(driver):
    """Configuration is read, never written."""
    muxi_llm.config.fallback = {"default_chains": {"chat": ["groq/llama"]}, "max_retries": 1}
    names = ("transport", "mode", "timeout", "fallback")
    before = [copy.deepcopy(getattr(muxi_llm.config, name)) for name in names]
    ask(driver, failed(500), failed(500), said(), api_key="other", base_url="http://other.test")
    assert [getattr(muxi_llm.config, name) for name in names] == before
    assert "openai_api_key" not in vars(muxi_llm)
