"""Media on their way to a provider: what is fetched, what is renamed, what is left out, and what is said of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from muxi_llm.core.body import body_of
from muxi_llm.core.call import call
from muxi_llm.core.media import Media, MediaError, with_media
from muxi_llm.core.request import Request
from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.transport.scripted import Scripted
from muxi_llm.wire.base import Ledger
from tests.core import candidate, provider_of, run, said

URL = "https://media.example/thing"
TEXT = {"type": "text", "text": "What is this?"}
IMAGE = {"type": "image_url", "image_url": {"url": URL, "detail": "low"}}
AUDIO = {"type": "audio_url", "audio_url": {"url": URL}}
VIDEO = {"type": "video_url", "video_url": {"url": URL}}
FILE = {"type": "file", "file": {"file_url": URL, "filename": "a.pdf"}}

TYPES = {"image": "image/png", "audio": "audio/mpeg", "video": "video/mp4", "file": "application/pdf"}
ALL_KINDS = dict.fromkeys(
    ("vision_support", "audio_input_support", "video_input_support", "file_input_support"), True
)
NO_URLS = {**ALL_KINDS, "media_url_support": False}
ALL_URLS = {**ALL_KINDS, "audio_url_support": True, "file_url_support": True}


def fetched(url: str, kind: Any, seconds: float) -> Media:
    return Media(TYPES[kind], base64.b64encode(url.encode()).decode())


DATA = base64.b64encode(URL.encode()).decode()


def unreachable(url: str, kind: Any, seconds: float) -> Media:
    raise MediaError("media.example took too long")


def request_of(*parts: Any, fetch: Any = fetched, **options: Any) -> Request:
    body, needs = body_of("chat", {"messages": [{"role": "user", "content": [TEXT, *parts]}]})
    return Request("chat", body, needs=needs, fetch=fetch, **options)


def sent(driver: Any, request: Request, **attributes: Any) -> tuple[list[Any], list[tuple[str, str, bool]]]:
    """The parts behind the text as such a provider gets them, and what was told."""
    answer, script = run(driver, request, said(), on=[candidate(**attributes)])
    told = [(entry.param, entry.action, entry.loss) for entry in answer.muxi.adaptations]
    return script.bodies[0]["messages"][0]["content"][1:], told


INLINED = {
    "image": (IMAGE, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"}}),
    "image as text": (
        {"type": "image_url", "image_url": URL, "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
    ),
    "video": (VIDEO, {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{DATA}"}}),
    "audio": (AUDIO, {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}}),
    "file": (FILE, {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}}),
    "file without a name": (
        {"type": "file", "file": {"file_data": URL}},
        {"type": "file", "file": {"filename": "file.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("part", "inlined"), INLINED.values(), ids=INLINED.keys())
def test_pitfall_46_urls_become_base64_where_that_is_switched_on(driver, part, inlined):
    """For a provider that fetches none; nothing is lost by it, and it is told."""
    parts, told = sent(driver, request_of(part), **NO_URLS)
    assert parts == [inlined]
    assert told[0] == ("messages[0].content[1]", "changed", False)


@pytest.mark.parametrize("part", [IMAGE, VIDEO, AUDIO], ids=lambda part: part["type"])
def test_pitfall_46_urls_go_to_a_provider_that_fetches_them(driver, part):
    """Untouched, and nothing is fetched here, switched on or not."""
    assert sent(driver, request_of(part, fetch=unreachable), **ALL_URLS) == ([part], [])


def test_a_files_url_goes_by_one_name(driver):
    """`file_url` is the Responses API's word; in the chat form a URL stands where the data would."""
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": URL}}
    assert sent(driver, request_of(FILE), **ALL_URLS) == ([part], [])


@pytest.mark.parametrize("part", [IMAGE, VIDEO, AUDIO, FILE], ids=lambda part: part["type"])
def test_pitfall_46_off_by_default(driver, part):
    """Then the part is left out, as a loss that says how to switch it on; the message stays."""
    request = request_of(part, fetch=None)
    assert sent(driver, request, **NO_URLS) == ([], [("messages[0].content[1]", "dropped", True)])
    strict, script = run(driver, request_of(part, fetch=None, mode="strict"), on=[candidate(**NO_URLS)])
    assert isinstance(strict, UnsupportedParameterError)
    said = f"weak fetches no {part['type'].removesuffix('_url')} URLs; muxi_llm.config.fetch_media = True"
    assert said in str(strict)
    assert script.calls == []


def test_strict_mode_has_nothing_against_fetching(driver):
    assert sent(driver, request_of(IMAGE, mode="strict"), **NO_URLS)[0] == [INLINED["image"][1]]


def test_a_part_the_provider_does_not_take_is_not_fetched(driver):
    assert sent(driver, request_of(IMAGE, fetch=unreachable)) == (
        [],
        [("messages[0].content[1]", "dropped", True)],
    )


def test_a_message_of_nothing_but_urls_is_refused(driver):
    body, needs = body_of("chat", {"messages": [{"role": "user", "content": [IMAGE, AUDIO]}]})
    raised, _ = run(driver, Request("chat", body, needs=needs), on=[candidate(**NO_URLS)])
    assert isinstance(raised, UnsupportedParameterError)
    assert (raised.param, str(raised).count("fetch_media = True")) == ("messages[0].content", 2)


def test_what_cannot_be_fetched_is_the_requests_fault(driver):
    """It names the part, like OpenAI's own error for an image it cannot download; nothing is sent."""
    raised, script = run(driver, request_of(IMAGE, fetch=unreachable), on=[candidate(**NO_URLS)])
    assert isinstance(raised, InvalidRequestError)
    assert str(raised) == "messages[0].content[1]: media.example took too long"
    assert (raised.param, script.calls) == ("messages[0].content[1]", [])


@pytest.mark.parametrize(
    ("part", "renamed", "action"),
    [
        (
            {"type": "audio_url", "audio_url": {"url": "data:audio/x-wav;base64,AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            ["moved"],
        ),
        (
            {"type": "audio_url", "audio_url": "data:audio/flac;rate=8;base64,AAAA"},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}},
            ["moved"],
        ),
        (
            {"type": "file", "file": {"file_url": "data:application/pdf;base64,AAAA", "filename": "a"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a"}},
            [],
        ),
    ],
    ids=["audio", "audio with a parameter", "file"],
)
def test_data_that_are_there_go_by_their_own_name(driver, part, renamed, action):
    """`audio_url` with data in it needs no fetching, only the part it goes by."""
    parts, told = sent(driver, request_of(part, fetch=None), **NO_URLS)
    assert parts == [renamed]
    assert [entry[1] for entry in told] == action


ODD = [
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    {"type": "image_url", "image_url": {"url": None}},
    {"type": "image_url"},
    {"type": "image_url", "image_url": "gs://bucket/a.png"},
    {"type": "audio_url", "audio_url": {"url": "data:audio/wav,raw"}},
    {"type": "file", "file": {"file_id": "file-1"}},
    {"type": "file", "file": "file-1"},
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
    {"type": "unknown", "unknown": URL},
]


@pytest.mark.parametrize("part", ODD, ids=lambda part: str(part)[9:60])
def test_all_else_stays_as_it_is(driver, part):
    assert sent(driver, request_of(part, fetch=unreachable), **NO_URLS) == ([part], [])


def test_the_callers_objects_are_not_touched(driver):
    request = request_of(IMAGE)
    before = repr(request)
    sent(driver, request, **NO_URLS)
    assert repr(request) == before


@pytest.mark.parametrize(
    "request_",
    [request_of(), request_of(IMAGE, mode="passthrough"), request_of(IMAGE, verbatim={"messages": []})],
    ids=["text", "passthrough", "verbatim"],
)
def test_nothing_to_do_costs_nothing(driver, request_):
    """The very same request comes back: no media, or a body that goes out as it came."""
    provider = provider_of(**NO_URLS, verbatim=True)
    whole = driver.run(with_media(Scripted(), request_, provider, Ledger("weak"), 600))
    assert whole is request_


def test_fetching_has_what_is_left_of_the_attempt(driver):
    """Its time is the attempt's; the provider gets what remains."""
    asked = []

    def slow(url: str, kind: Any, seconds: float) -> Media:
        asked.append(seconds)
        script.pause(2.0, seconds)
        return fetched(url, kind, seconds)

    script = Scripted(said())
    request = request_of(IMAGE, VIDEO, fetch=slow)
    driver.run(call(script, request, [candidate(**NO_URLS)]))
    assert asked == [600.0, 598.0]
    assert script.calls[0].timeout == 596.0
