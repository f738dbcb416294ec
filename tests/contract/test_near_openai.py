"""Every provider on OpenAI's wire: what its copies make of an answer changes nothing for a caller."""

from __future__ import annotations

import json
from itertools import product

import pytest

from tests.contract.contact import CHATTERS, Contact, cells, kind_of
from tests.contract.heard import expected, heard
from tests.support.speakers import speaker_of
from tests.support.speakers.base import TEXT, Call, Json, Said, sse
from tests.support.speakers.openai_chat import BODY_TRAPS, CALL_TRAPS, REASONING, OpenAIChatSpeaker
from tests.support.upstream import Respond

SPEAKERS = {name: speaker_of(kind_of(name).wires["chat"]) for name in CHATTERS}
COPIES = [
    name
    for name, speaker in SPEAKERS.items()
    if isinstance(speaker, OpenAIChatSpeaker) and speaker.stream_type == "text/event-stream"
]
CALLERS = [name for name in COPIES if kind_of(name).tools_support]


@cells(BODY_TRAPS, COPIES)
def test_an_answer_off_the_schema(quick: Contact, given: list[str]) -> None:
    for trap in given:
        raw = quick.speaker.whole(Said())
        BODY_TRAPS[trap](raw)
        assert heard(quick.ask(Respond(json=raw))) == expected(Said(), usage="usage" not in trap), trap


@cells(CALL_TRAPS, CALLERS)
def test_a_call_off_the_schema(quick: Contact, given: list[str]) -> None:
    """Arguments are JSON text, the end says that there are calls."""
    for trap, arguments in product(given, [{"city": "Zürich"}, {}]):
        said = Said(text=None, calls=(Call(arguments=arguments),))
        raw = quick.speaker.whole(said)
        CALL_TRAPS[trap](raw)
        assert heard(quick.ask(Respond(json=raw))) == expected(said), (trap, arguments)


@cells(["empty", "null", "missing"], CALLERS)
def test_a_call_without_arguments(quick: Contact, given: list[str]) -> None:
    """They are the empty object."""
    for arguments in given:
        said = Said(text=None, calls=(Call("time", {}),))
        raw = quick.speaker.whole(said)
        function = raw["choices"][0]["message"]["tool_calls"][0]["function"]
        function["arguments"] = "" if arguments == "empty" else None
        if arguments == "missing":
            del function["arguments"]
        assert heard(quick.ask(Respond(json=raw))) == expected(said), arguments


@cells(["absent", "null", "empty"], CALLERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_calls_without_ids(quick: Contact, given: list[str], stream: bool) -> None:
    """Each gets one: results could not be sent back otherwise."""
    said = Said(text=None, calls=(Call(), Call("time", {})))
    for ids in (MISSING[missing] for missing in given):
        if stream:
            events = quick.speaker.traps()["whole-calls"](quick.speaker.events(said, usage=False))
            answer = quick.ask(quick.speaker.streamed([_without_ids(e, ids) for e in events]), stream=True)
        else:
            whole = quick.speaker.whole(said)
            for call in whole["choices"][0]["message"]["tool_calls"]:
                del call["id"]
                call.update(ids)
            answer = quick.ask(Respond(json=whole))
        assert heard(answer) == expected(said, usage=not stream)


MISSING: dict[str, dict[str, str | None]] = {"absent": {}, "null": {"id": None}, "empty": {"id": ""}}


def _without_ids(event: bytes, ids: dict[str, str | None]) -> bytes:
    if event.startswith(b"data: [DONE]"):
        return event
    chunk = json.loads(event.removeprefix(b"data: "))
    for choice in chunk["choices"]:
        for call in choice["delta"].get("tool_calls", ()):
            call.pop("id", None)
            call.update(ids)
    return sse(chunk)


@cells(REASONING, COPIES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_reasoning_by_any_name(quick: Contact, given: list[str], stream: bool) -> None:
    """What was thought is never part of the text."""
    for spelling in given:
        thought = REASONING[spelling]("Hm, 7…")
        reply = _streamed_thought(quick, thought) if stream else _whole_thought(quick, thought)
        answer = quick.ask(reply, stream=stream)
        assert heard(answer) == expected(Said(reasoning="Hm, 7…"), usage=not stream), spelling


def _streamed_thought(quick: Contact, thought: Json) -> Respond:
    first, *rest = quick.speaker.events(Said(), usage=False)
    thinking = json.loads(first.removeprefix(b"data: "))
    thinking["choices"][0]["delta"] = {"role": "assistant", "content": "", **thought}
    return quick.speaker.streamed([first, sse(thinking), *rest])


def _whole_thought(quick: Contact, thought: Json) -> Respond:
    whole = quick.speaker.whole(Said())
    if isinstance(thought.get("content"), list):
        thought = {"content": [*thought["content"], {"type": "text", "text": TEXT}]}
    whole["choices"][0]["message"].update(thought)
    return Respond(json=whole)
