"""Responses through the drop-in client, on providers that have no Responses: every part of it, end to end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel

import muxi_llm
from muxi_llm.kept.store import Entry
from tests.support import anthropic, responses
from tests.support.bodies import CALL, chat, chat_stream, error, message
from tests.support.responses_validator import events_of, validate
from tests.support.upstream import Respond, Upstream
from tests.support.world import answer, environment

CLAUDE, LLAMA = "anthropic/claude-sonnet-4-5", "groq/llama-3.3-70b-versatile"
TEXT = "Hello from loopback"
TOOL: Any = {
    "type": "function",
    "name": "f",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}
GIVEN = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": TEXT}
THINKING = {"type": "thinking", "thinking": "Let me see.", "signature": "sig=="}
HIGH: Any = {"effort": "high"}

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """All providers on loopback, keys in the environment."""
    with Upstream(answer) as upstream:
        for name, value in environment(upstream).items():
            monkeypatch.setenv(name, value)
        yield upstream


class Shelf:
    """A store of the caller's own: JSON text, as Redis would have it."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.on_loop: list[bool] = []

    def get(self, key: str) -> Entry | None:
        self._look()
        return json.loads(self.texts[key]) if key in self.texts else None

    def put(self, key: str, entry: Entry) -> None:
        self._look()
        self.texts[key] = json.dumps(entry)

    def delete(self, key: str) -> None:
        self._look()
        self.texts.pop(key, None)

    def _look(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.on_loop.append(False)
        else:
            self.on_loop.append(True)


class Talk:
    """The client's methods, sync or async; streams come back as lists."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, name: str, *args: Any, **params: Any) -> Any:
        if self.kind == "sync":
            value = _method(muxi_llm.OpenAI(), name)(*args, **params)
            return list(value) if params.get("stream") else value
        return asyncio.run(self._async(name, args, params))

    async def _async(self, name: str, args: Any, params: Any) -> Any:
        async with muxi_llm.AsyncOpenAI() as client:
            value = await _method(client, name)(*args, **params)
            return [event async for event in value] if params.get("stream") else value


def _method(client: Any, name: str) -> Any:
    value = client.responses
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.fixture(params=["sync", "async"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """Both clients."""
    return Talk(request.param)


@pytest.fixture(params=["memory", "own"])
def store(request: pytest.FixtureRequest) -> Any:
    """The store in memory, and one of the caller's own."""
    if request.param == "own":
        muxi_llm.config.response_store = Shelf()
    return muxi_llm.config.response_store


def sent(world: Upstream, index: int = -1) -> Any:
    """What a provider got to read."""
    return world.requests[index].json["messages"]


# ----------------------------------------------------------------------------------- conversations


@pytest.mark.parametrize("model", [CLAUDE, LLAMA])
def test_text(model: str, talk: Talk, world: Upstream) -> None:
    """Text and instructions in, a response of OpenAI's own type out."""
    response = talk("create", model=model, input="Hi", instructions="Be short.", max_output_tokens=9)
    assert isinstance(response, Response)
    assert (response.output_text, response.status, response.model) == (TEXT, "completed", model)
    assert (response.instructions, response.max_output_tokens, response.store) == ("Be short.", 9, True)
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 2)
    request = world.requests[-1].json
    if model == LLAMA:
        assert request["messages"] == [{"role": "system", "content": "Be short."}, GIVEN]
    else:
        assert json.dumps(request["system"]).count("Be short.") == 1
        assert request["max_tokens"] == 9


def test_pitfall_77_a_conversation_goes_on(talk: Talk, store: Any, world: Upstream) -> None:
    """Three turns over two providers; instructions are those of the turn alone."""
    first = talk("create", model=CLAUDE, input="Hi", instructions="Be short.")
    second = talk("create", model=LLAMA, input="And?", previous_response_id=first.id)
    assert sent(world) == [GIVEN, SAID, {"role": "user", "content": "And?"}]
    third = talk(
        "create", model=LLAMA, input=[{"role": "user", "content": "So?"}], previous_response_id=second.id
    )
    assert [turn["content"] for turn in sent(world)] == ["Hi", TEXT, "And?", TEXT, "So?"]
    assert third.previous_response_id == second.id
    assert len({first.id, second.id, third.id}) == 3
    talk("create", model=LLAMA, input="Or?", previous_response_id=first.id)
    assert [turn["content"] for turn in sent(world)] == ["Hi", TEXT, "Or?"]  # a branch


@pytest.mark.parametrize(
    ("model", "call", "answered"),
    [
        (
            CLAUDE,
            message(anthropic.tool_use(arguments={"a": 1}), stop="tool_use"),
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
        ),
        (
            LLAMA,
            chat(None, finish="tool_calls", tool_calls=[CALL]),
            {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
        ),
    ],
    ids=["anthropic", "groq"],
)
def test_pitfall_44_69_tools_over_two_turns(
    model: str, call: Any, answered: Any, talk: Talk, world: Upstream
) -> None:
    """The second turn holds the tool's output alone, next to its call."""
    world.script = [Respond(json=call)]
    first = talk("create", model=model, input="Hi", tools=[TOOL])
    (made,) = first.output
    assert (made.type, made.name, json.loads(made.arguments)) == ("function_call", "f", {"a": 1})
    assert first.tools[0].strict is True
    results: Any = [responses.output(made.call_id)]
    talk("create", model=model, input=results, tools=[TOOL], previous_response_id=first.id)
    assert [turn["role"] for turn in sent(world)] == ["user", "assistant", answered["role"]]
    assert sent(world)[-1] == answered
    assert len(made.call_id) <= 64


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_pitfall_31_signed_thinking_comes_back(streamed: bool, talk: Talk, world: Upstream) -> None:
    """Thinking stands before the call it led to, and its signature reaches the provider untouched."""
    use = anthropic.tool_use(arguments={"a": 1})
    whole = message(THINKING, use, stop="tool_use")
    told = anthropic.told(THINKING, use, stop="tool_use")
    world.script = [Respond(chunks=told) if streamed else Respond(json=whole)]
    asked: Any = {"model": CLAUDE, "tools": [TOOL], "reasoning": HIGH, "max_output_tokens": 20000}
    first = talk("create", input="Hi", stream=streamed, **asked)
    first = first[-1].response if streamed else first
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    assert first.output[0].summary[0].text == "Let me see."
    assert first.output[0].encrypted_content.startswith("muxi1.")
    talk("create", input=[responses.output("toolu_1")], previous_response_id=first.id, **asked)
    assert sent(world)[1]["content"][0] == THINKING
    assert sent(world)[1]["content"][1]["id"] == "toolu_1"


def test_pitfall_31_32_items_sent_back_by_the_client(talk: Talk, world: Upstream) -> None:
    """A client that keeps its conversations itself, `store=False`, gets the same."""
    world.script = [Respond(json=message(THINKING, "Well."))]
    asked: Any = {"model": CLAUDE, "reasoning": HIGH, "max_output_tokens": 20000, "store": False}
    first = talk("create", input="Hi", include=["reasoning.encrypted_content"], **asked)
    items = [GIVEN, *(item.model_dump() for item in first.output), {"role": "user", "content": "And?"}]
    talk("create", input=items, **asked)
    assert sent(world)[1]["content"] == [THINKING, {"type": "text", "text": "Well."}]


def test_item_references(talk: Talk, store: Any, world: Upstream) -> None:
    """An item can be named instead of sent, with or without what came before it."""
    first = talk("create", model=LLAMA, input="Hi")
    named: Any = [{"type": "item_reference", "id": first.output[0].id}, {"role": "user", "content": "And?"}]
    talk("create", model=LLAMA, input=named)
    assert sent(world) == [SAID, {"role": "user", "content": "And?"}]
    named[0]["id"] = first.output[0].id.replace("_0", "_7")
    with pytest.raises(openai.BadRequestError, match=r"Item with id '.*_7' not found"):
        talk("create", model=LLAMA, input=named)


def test_pitfall_71_a_refusal_is_kept(talk: Talk, world: Upstream) -> None:
    """As a part of its own, and said again in the next turn."""
    world.script = [Respond(json=chat(None, refusal="No."))]
    first = talk("create", model=LLAMA, input="Hi")
    assert first.output[0].content[0].model_dump() == {"type": "refusal", "refusal": "No."}
    talk("create", model=LLAMA, input="Why?", previous_response_id=first.id)
    assert "No." in json.dumps(sent(world)[1])


def test_pitfall_53_ids_are_short(talk: Talk, world: Upstream) -> None:
    """Of responses, items and calls that came without an id."""
    call = {**CALL, "id": ""}
    world.script = [Respond(json=chat("Hm.", finish="tool_calls", tool_calls=[call]))]
    response = talk("create", model=LLAMA, input="Hi", tools=[TOOL])
    ids = [response.id, *(item.id for item in response.output), response.output[-1].call_id]
    assert all(0 < len(name) <= 64 for name in ids)
    assert len(set(ids)) == 4


# ------------------------------------------------------------------------------------------ streams


@pytest.mark.parametrize(
    ("model", "stream"),
    [
        (CLAUDE, anthropic.told(THINKING, "Well.", anthropic.tool_use(), stop="tool_use")),
        (LLAMA, chat_stream("Hel", "lo")),
        (LLAMA, chat_stream("Hel", finish="length")),
    ],
    ids=["thinking, text, call", "text", "cut off"],
)
def test_pitfall_19_20_the_life_cycle(model: str, stream: list[bytes], world: Upstream) -> None:
    """Every event, numbered, items in their order; the last one is what is kept."""
    world.script = [Respond(chunks=stream)]
    client = muxi_llm.OpenAI()
    with client.responses.with_streaming_response.create(model=model, input="Hi", stream=True) as reply:
        events = events_of(b"".join(reply.iter_bytes()))
    final = validate(events)
    assert client.responses.retrieve(final["id"]).model_dump(exclude_unset=True) == final
    order = [item["type"] for item in final["output"]]
    assert order == (["reasoning", "message", "function_call"] if model == CLAUDE else ["message"])


@pytest.mark.parametrize("model", [CLAUDE, LLAMA])
def test_the_stream_helper(model: str, world: Upstream) -> None:
    """OpenAI's accumulating helper, and the turn after it."""
    client = muxi_llm.OpenAI()
    with client.responses.stream(model=model, input="Hi") as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(texts) == final.output_text == TEXT
    client.responses.create(model=LLAMA, input="And?", previous_response_id=final.id)
    assert sent(world)[1] == SAID


def test_a_broken_stream_is_an_error_and_is_not_kept(talk: Talk, world: Upstream) -> None:
    """Nothing that was not said to the end can be gone on from."""
    muxi_llm.config.response_store = shelf = Shelf()
    world.script = [Respond(chunks=chat_stream("Hel", done=False, finish=None), cut=True)]
    with pytest.raises(openai.APIConnectionError):
        talk("create", model=LLAMA, input="Hi", stream=True)
    assert shelf.texts == {}


def test_parse(talk: Talk, world: Upstream) -> None:
    """A Pydantic class in, an instance out, kept like any other."""

    class Person(BaseModel):
        name: str
        age: int

    parsed = talk("parse", model=LLAMA, input="Hi", text_format=Person)
    assert parsed.output_parsed == Person(name="Ada", age=36)
    assert world.requests[-1].json["response_format"]["type"] == "json_schema"
    assert talk("retrieve", parsed.id).output_text == parsed.output_text


# ---------------------------------------------------------------------------------- what is kept


def test_retrieve_and_delete(talk: Talk, store: Any, world: Upstream) -> None:
    """As it was given; gone after `delete`, for `retrieve` and for the next turn. Nobody else is asked."""
    response = talk("create", model=LLAMA, input="Hi")
    asked = len(world.requests)
    assert talk("retrieve", response.id) == response
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        talk("cancel", response.id)
    assert talk("delete", response.id) is None
    for name in ("retrieve", "delete", "cancel", "input_items.list"):
        with pytest.raises(openai.NotFoundError) as caught:
            talk(name, response.id)
        assert caught.value.message.endswith(f"Response with id '{response.id}' not found.")
        assert caught.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError) as refused:
        talk("create", model=LLAMA, input="And?", previous_response_id=response.id)
    assert (refused.value.code, refused.value.param) == (
        "previous_response_not_found",
        "previous_response_id",
    )
    assert len(world.requests) == asked


def test_input_items(world: Upstream) -> None:
    """All that was answered, last first, in pages that follow one another."""
    client = muxi_llm.OpenAI()
    first = client.responses.create(model=LLAMA, input="Hi")
    second = client.responses.create(model=LLAMA, input="And?", previous_response_id=first.id)
    listed = list(client.responses.input_items.list(second.id, limit=1))
    assert [item.content[0].text for item in listed] == ["And?", TEXT, "Hi"]  # type: ignore[union-attr]
    page = client.responses.input_items.list(second.id, order="asc", limit=2)
    assert [item.content[0].text for item in page.data] == ["Hi", TEXT]  # type: ignore[union-attr]
    assert page.has_more is True
    assert [item.id for item in page.get_next_page().data] == [listed[0].id]
    assert {type(item).__name__ for item in listed} == {"ResponseInputMessageItem", "ResponseOutputMessage"}


def test_raw_and_streaming_forms_of_retrieve(world: Upstream) -> None:
    """`with_raw_response` and `with_streaming_response` read kept responses too."""
    client = muxi_llm.OpenAI()
    response = client.responses.create(model=LLAMA, input="Hi")
    assert client.responses.with_raw_response.retrieve(response.id).parse() == response
    with client.responses.with_streaming_response.retrieve(response.id) as reply:
        assert reply.json()["id"] == response.id


def test_store_false_is_not_kept(talk: Talk, world: Upstream) -> None:
    """And says so."""
    response = talk("create", model=LLAMA, input="Hi", store=False)
    assert response.store is False
    with pytest.raises(openai.NotFoundError):
        talk("retrieve", response.id)


def test_pitfall_77_without_a_store(talk: Talk, world: Upstream) -> None:
    """Nothing is kept, and what would need it is refused by the setting's name, never ignored."""
    muxi_llm.config.response_store = None
    response = talk("create", model=LLAMA, input="Hi")
    assert response.store is False
    for model in (LLAMA, "gpt-5"):
        with pytest.raises(
            openai.BadRequestError, match=r"muxi_llm\.config\.response_store is None"
        ) as caught:
            talk("create", model=model, input="And?", previous_response_id=response.id)
        assert caught.value.param == "previous_response_id"
    assert len(world.requests) == 1


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown response": ({"previous_response_id": "resp_1"}, "Previous response with id 'resp_1' not found"),
    "conversation": ({"conversation": "conv_1"}, "conversation: conversations are kept at OpenAI"),
    "background": ({"background": True}, "background: "),
    "unknown item": (
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        "Item with id 'msg_1' not found",
    ),
    "orphaned result": ({"input": [responses.output()]}, "No tool call found"),
    "orphaned call": ({"input": [responses.function_call()]}, "No tool output found"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, talk: Talk, world: Upstream) -> None:
    """Before anybody is asked."""
    params, told = REFUSED[name]
    with pytest.raises(openai.BadRequestError, match=told) as caught:
        talk("create", **{"model": LLAMA, "input": "Hi", **params})
    assert isinstance(caught.value, muxi_llm.MuxiLLMError)
    assert world.requests == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, openai.AuthenticationError), (404, openai.NotFoundError), (429, openai.RateLimitError)],
)
def test_errors(status: int, kind: type[Exception], talk: Talk, world: Upstream) -> None:
    """A provider's refusal has OpenAI's class."""
    world.script = [Respond(status=status, json=error("no"), headers={"Retry-After": "0"})] * 3
    with pytest.raises(kind):
        talk("create", model=LLAMA, input="Hi")


def test_a_store_of_the_caller_s_own_never_blocks_the_loop(world: Upstream) -> None:
    """Its entries are JSON; in async programs its methods run in threads."""
    muxi_llm.config.response_store = shelf = Shelf()
    talk = Talk("async")
    first = talk("create", model=LLAMA, input="Hi")
    events = talk("create", model=LLAMA, input="And?", previous_response_id=first.id, stream=True)
    talk("delete", first.id)
    assert list(shelf.texts) == [events[-1].response.id]
    assert set(shelf.on_loop) == {False}
    assert len(shelf.on_loop) == 5  # put; get, put; get, delete


def test_many_conversations_at_once(world: Upstream) -> None:
    """64 threads, each with a talk of its own: none hears another's."""
    client = muxi_llm.OpenAI()

    def converse(number: int) -> list[str]:
        before: Any = openai.omit
        for turn in range(2):
            text = f"{number}/{turn}"
            before = client.responses.create(model=LLAMA, input=text, previous_response_id=before).id
        items = client.responses.input_items.list(before, order="asc")
        return [item.content[0].text for item in items]  # type: ignore[union-attr]

    with ThreadPoolExecutor(64) as pool:
        talks = list(pool.map(converse, range(64)))
    assert talks == [[f"{number}/0", TEXT, f"{number}/1"] for number in range(64)]
