"""Every provider: a stream says what the whole answer says, and says so when it breaks."""

from __future__ import annotations

import openai
import pytest

from muxi_llm import IncompleteStreamError
from tests.contract.contact import CHATTERS, HOME, Contact, cells, kind_of, told
from tests.contract.heard import expected, heard
from tests.support.speakers.base import TEXT, Call, Said
from tests.support.upstream import Respond

CALLS = Said(text="Moment…", calls=(Call(), Call("time", {}, "call_def456")))
STREAMERS = [name for name in CHATTERS if kind_of(name).streaming_support]
streamers = pytest.mark.parametrize("name", STREAMERS, indirect=True)


def events_of(contact: Contact, said: Said, *, usage: bool = False) -> list[bytes]:
    """The pieces of a stream, as the server sends them."""
    (reply,) = contact.speaker.replies(said, stream=True, usage=usage)[-1:]
    return [piece for piece in reply.chunks or () if isinstance(piece, bytes)]


def replies(contact: Contact, events: list[bytes]) -> list[Respond]:
    """All replies of a stream whose events are these."""
    *before, _ = contact.speaker.replies(Said(), stream=True)
    return [*before, contact.speaker.streamed(events)]


def test_a_stream_says_what_the_whole_answer_says(contact: Contact) -> None:
    """Text, end and tokens; with the usage last, in a chunk without choices."""
    chunks = contact.ask(Said(), stream=True, stream_options={"include_usage": True})
    if not contact.speaker.streams_usage:
        assert heard(chunks) == expected(Said(), usage=False)
        return
    assert heard(chunks) == heard(contact.ask(Said())) == expected(Said())
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []


def test_usage_is_not_told_unasked(contact: Contact) -> None:
    """No chunk without choices, for code that reads `choices[0]`."""
    chunks = contact.ask(Said(), stream=True)
    assert heard(chunks) == expected(Said(), usage=False)
    assert all(chunk.choices for chunk in chunks)


def test_chunks_belong_together(quick: Contact) -> None:
    """One id, one model, one time."""
    chunks = quick.ask(Said(), stream=True, stream_options={"include_usage": True})
    assert len({(chunk.id, chunk.model, chunk.created) for chunk in chunks}) == 1
    assert chunks[0].id
    assert quick.ask(Said()).id


def test_a_stream_is_asked_for(quick: Contact) -> None:
    """Where there is none, the whole answer is handed out as chunks, and that is told."""
    with quick.opened(Said()) as stream:
        assert told(stream, "stream") is not quick.kind.streaming_support
        assert heard(list(stream)).text == TEXT
    assert quick.script.calls[-1].stream is quick.kind.streaming_support


# -------------------------------------------------------------------------------------------- traps


@cells(lambda speaker: speaker.traps(), STREAMERS)
def test_what_servers_do_to_a_stream(quick: Contact, given: list[str]) -> None:
    """None of it changes what is said, tool calls included."""
    for trap in given:
        change = quick.speaker.traps()[trap]
        for said in (Said(), CALLS) if quick.kind.tools_support else (Said(),):
            events = replies(quick, change(events_of(quick, said, usage=True)))
            chunks = quick.ask(*events, stream=True, stream_options={"include_usage": True})
            assert heard(chunks) == expected(said, usage=quick.speaker.streams_usage), trap


# ----------------------------------------------------------------------------------- broken streams


@streamers
def test_a_cut_stream_is_an_error(contact: Contact) -> None:
    """Wherever it is cut before the answer's end; what had come is on the error."""
    events = events_of(contact, Said())
    for count in range(len(events) - contact.speaker.open_enough):
        error = contact.ask(*replies(contact, events[:count]), stream=True)
        assert isinstance(error, IncompleteStreamError), (count, error)
        assert TEXT.startswith(error.partial_text or "")


@streamers
def test_a_stream_cut_inside_its_event(quick: Contact) -> None:
    """Half an event is no end either."""
    events = events_of(quick, Said())[: -quick.speaker.open_enough or None]
    for count in range(1, len(events)):
        half = events[count][: len(events[count]) // 2]
        error = quick.ask(*replies(quick, [*events[:count], half]), stream=True)
        assert isinstance(error, IncompleteStreamError), (count, error)


@streamers
def test_an_error_inside_a_stream(contact: Contact) -> None:
    """It is raised, with its own class and words, and what had come."""
    events = events_of(contact, Said())
    at = len(events) // 2
    broken = contact.speaker.broken(529, "Overloaded, sorry")
    if broken is None:
        return
    error = contact.ask(*replies(contact, [*events[:at], broken]), stream=True)
    assert isinstance(error, openai.InternalServerError)
    assert "Overloaded, sorry" in str(error)
    assert error.partial_text
    assert TEXT.startswith(error.partial_text)


@streamers
def test_an_error_before_a_stream_says_anything_is_tried_again(contact: Contact) -> None:
    """A stream falls back before its first chunk is handed out."""
    broken = contact.speaker.broken(529, "Overloaded, sorry")
    if broken is None:
        return
    chunks = contact.ask(*replies(contact, [broken]), Said(), stream=True, retries=1)
    assert heard(chunks) == expected(Said(), usage=False)


@streamers
def test_a_stream_answered_in_one_piece(quick: Contact) -> None:
    """Some servers answer `application/json` all the same."""
    whole = quick.speaker.replies(Said())
    chunks = quick.ask(*whole, stream=True)
    assert heard(chunks) == expected(Said(), usage=False)
    assert HOME in quick.script.calls[0].url
