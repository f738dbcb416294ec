"""Bodies with files in them, over every transport in both colours."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.core.port import IO, TransportError, UnreadableError
from muxi_llm.transport.files import PIECE, file_of
from muxi_llm.transport.uploads import Outgoing
from muxi_llm.wire.base import WireCall
from muxi_llm.wire.upload import File, Upload, form_of
from tests.support.forms import fields_of, parts_of
from tests.support.upstream import Received, Respond, Upstream
from tests.transport.conftest import Wired, call_to, open_files

SOUND = bytes(range(256)) * 3


def upload_to(upstream: Upstream, **body: Any) -> WireCall:
    return call_to(upstream, body=form_of(body))


def test_a_form_arrives_as_it_was_given(wired: Wired, upstream: Upstream, tmp_path: Path) -> None:
    """Fields, and files from a path, from memory and from an open file; the length is told."""
    upstream.script = [Respond(json={})]
    path = tmp_path / "a song.mp3"
    path.write_bytes(SOUND)
    with path.open("rb") as opened:
        wired.send(
            upload_to(
                upstream,
                model="whisper-1",
                file=file_of(path, "file"),
                image=[file_of(("b.png", b"png"), "image"), file_of(opened, "image")],
                stream=True,
                temperature=0.5,
                absent=None,
                chunking_strategy={"type": "server_vad", "silence_duration_ms": 5},
                include=["logprobs"],
            )
        )
    (received,) = upstream.requests
    assert received.headers["content-length"] == str(len(received.body))
    assert fields_of(received) == {
        "model": "whisper-1",
        "file": ("a song.mp3", SOUND, "audio/mpeg"),
        "image[]": [("b.png", b"png", "image/png"), ("a song.mp3", SOUND, "audio/mpeg")],
        "stream": "true",
        "temperature": "0.5",
        "chunking_strategy[type]": "server_vad",
        "chunking_strategy[silence_duration_ms]": "5",
        "include[]": "logprobs",
    }


def test_a_form_in_memory(wired: Wired, upstream: Upstream) -> None:
    """Nothing to open, and no thread to do it."""
    upstream.script = [Respond(json={})]
    wired.send(upload_to(upstream, file=file_of(("a.mp3", SOUND * 1000), "file")))
    assert fields_of(upstream.requests[0]) == {"file": ("a.mp3", SOUND * 1000, "audio/mpeg")}


def test_a_file_alone_arrives_as_it_is(wired: Wired, upstream: Upstream, tmp_path: Path) -> None:
    """Under its own type."""
    upstream.script = [Respond(json={})]
    path = tmp_path / "x.wav"
    path.write_bytes(SOUND)
    wired.send(call_to(upstream, body=Upload(file=file_of((None, path, "audio/x-special"), "file"))))
    (received,) = upstream.requests
    assert (received.body, received.headers["content-type"]) == (SOUND, "audio/x-special")
    assert received.headers["content-length"] == str(len(SOUND))


def test_every_attempt_sends_all_of_it(wired: Wired, upstream: Upstream, tmp_path: Path) -> None:
    """An open file from where it stood; nothing is left open, and each has a boundary of its own."""
    upstream.respond = lambda _: Respond(json={})
    path = tmp_path / "x.bin"
    path.write_bytes(b"skipped" + SOUND)
    with path.open("rb") as opened:
        opened.seek(7)
        call = upload_to(upstream, file=file_of(opened, "file"), other=file_of(path, "other"))

        async def scenario(io: IO) -> None:
            before = open_files()
            for _ in range(3):
                await io.send(call)
            assert open_files() - before <= 2 * bool(wired.name == "fast") + 2  # connections

        wired.run(scenario)
    for received in upstream.requests:
        assert fields_of(received)["file"][1] == SOUND
        assert fields_of(received)["other"][1] == b"skipped" + SOUND
    assert len({received.headers["content-type"] for received in upstream.requests}) == 3


def test_what_cannot_be_rewound_is_sent_again_all_the_same(wired: Wired, upstream: Upstream) -> None:
    """A pipe: copied once, then it has a length as well."""
    upstream.respond = lambda _: Respond(json={})
    reading, writing = os.pipe()
    content = SOUND * 1000

    def feed() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)

    feeding = threading.Thread(target=feed)
    feeding.start()
    with os.fdopen(reading, "rb") as pipe:
        call = upload_to(upstream, file=file_of(pipe, "file"))

        async def scenario(io: IO) -> None:
            await io.send(call)
            await io.send(call)

        wired.run(scenario)
    feeding.join()
    assert [fields_of(received)["file"] for received in upstream.requests] == [
        ("upload", content, "application/octet-stream")
    ] * 2


def test_a_stale_connection_is_no_matter(wired: Wired, upstream: Upstream, tmp_path: Path) -> None:
    """What goes over a connection that the server has closed goes over another one, whole."""
    upstream.respond = lambda _: Respond(json={})
    path = tmp_path / "x.bin"
    path.write_bytes(SOUND * 2000)

    async def scenario(io: IO) -> None:
        await io.send(call_to(upstream))
        upstream.hang_up()
        try:
            await io.send(upload_to(upstream, file=file_of(path, "file")))
        except TransportError:  # of a library's own pool, which does not try again
            assert wired.name not in {"pool", "direct"}

    wired.run(scenario)
    if wired.name in {"pool", "direct"}:
        assert fields_of(upstream.requests[-1])["file"][1] == SOUND * 2000


def test_a_file_that_is_gone_says_so(wired: Wired, upstream: Upstream, tmp_path: Path) -> None:
    """By its argument, and without its path; nothing is sent."""
    path = tmp_path / "secret-name.bin"
    path.write_bytes(SOUND)
    call = upload_to(upstream, file=file_of(path, "file"))
    path.unlink()
    with pytest.raises(UnreadableError) as caught:
        wired.send(call)
    assert (caught.value.param, upstream.requests) == ("file", [])
    assert str(caught.value) == "file cannot be read any more (No such file or directory)"


def test_a_large_file_passes_through(wired: Wired, upstream: Upstream, tmp_path: Path) -> None:
    """More than any buffer on the way."""
    path = tmp_path / "x.bin"
    content = os.urandom(PIECE) * 20
    path.write_bytes(content)
    upstream.script = [Respond(json={})]
    wired.send(upload_to(upstream, file=file_of(path, "file")))
    assert fields_of(upstream.requests[0])["file"][1] == content


def test_an_error_before_the_end_of_the_body_is_heard(wired: Wired, tmp_path: Path) -> None:
    """A server that refuses at once, and reads on."""

    def refuse(received: Received) -> Respond:
        return Respond(status=413, json={"error": {"message": "too large"}})

    path = tmp_path / "x.bin"
    path.write_bytes(SOUND * 100)
    with Upstream(refuse) as upstream:
        assert wired.send(upload_to(upstream, file=file_of(path, "file"))).status == 413


# -------------------------------------------------------------------------------- names and bytes


class Shifting:
    """A source whose size is not what comes of it."""

    def __init__(self, size: int, content: bytes) -> None:
        self.size = size
        self._content = content

    def pieces(self) -> Any:
        yield self._content


def test_what_a_file_grows_by_is_not_sent() -> None:
    """The length was told."""
    outgoing = Outgoing(Upload(file=File("x", "text/plain", Shifting(3, b"abcdef"))))
    assert b"".join(outgoing) == b"abc"


def test_what_is_missing_of_a_file_is_an_error() -> None:
    """The server would wait for the rest."""
    outgoing = Outgoing(Upload(file=File("x", "text/plain", Shifting(9, b"abcdef"))))
    with pytest.raises(UnreadableError, match="became shorter"):
        list(outgoing)


def test_nothing_is_read_of_an_empty_source() -> None:
    assert b"".join(Outgoing(Upload(file=File("x", "text/plain", Shifting(0, b"more"))))) == b""


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ('say "hi".mp3', "say %22hi%22.mp3"),
        ("two\r\nlines\n.mp3", "two%0D%0Alines%0A.mp3"),
        ("世界 é.mp3", "世界 é.mp3"),
        ("50%22.mp3", "50%22.mp3"),
        ("semi;colon=.mp3", "semi;colon=.mp3"),
        ("\udce9.mp3", "?.mp3"),
    ],
)
def test_names_are_written_as_browsers_do(name: str, sent: str) -> None:
    """https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data."""
    (part,) = parts_of(_received(form_of({"file": file_of((name, b"x"), "file")})))
    assert (part.filename, part.content) == (sent, b"x")


def _received(upload: Upload) -> Any:
    outgoing = Outgoing(upload)
    return Received("POST", "/", outgoing.headers, b"".join(outgoing))


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda t: "\\" not in t),
            st.one_of(st.binary(), st.text(st.characters(exclude_categories=["Cs"]))),
        ),
        max_size=5,
    )
)
def test_any_form_is_read_as_it_was_meant(parts: list[tuple[str, bytes | str]]) -> None:
    """Whatever is in names and contents: nothing of them ends a part."""
    upload = Upload(
        tuple((n, v if isinstance(v, str) else File(n, "x/y", v)) for n, v in (("first", "1"), *parts))
    )
    received = _received(upload)
    assert received.headers["content-length"] == str(len(received.body))
    read = parts_of(received)[1:]
    for (name, value), part in zip(parts, read, strict=True):
        quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        assert (
            part.headers["content-disposition"]
            .encode("latin-1")
            .decode()
            .startswith(f'form-data; name="{quoted}"')
        )
        assert part.content == (value if isinstance(value, bytes) else value.encode())


def test_a_part_may_have_headers_of_its_own() -> None:
    """The fourth of a tuple, as in OpenAI's own files."""
    file = file_of(("a.txt", b"x", "text/csv", {"X-One": "1", "Content-Type": "text/plain"}), "file")
    (part,) = parts_of(_received(form_of({"file": file})))
    assert (part.headers["x-one"], part.headers["content-type"]) == ("1", "text/csv")


def test_an_upload_shows_nothing_of_what_is_in_it() -> None:
    shown = repr(form_of({"prompt": "a secret", "file": file_of(("n.mp3", b"a secret"), "file")}))
    assert "secret" not in shown
    assert "secret" not in repr(file_of(("n.mp3", b"a secret"), "file"))


def test_half_a_surrogate_pair_in_a_field_is_refused() -> None:
    """As it is in JSON."""
    with pytest.raises(TypeError, match="no UTF-8"):
        form_of({"prompt": "\ud83d"})


def test_a_call_with_files_has_no_body_in_one_piece() -> None:
    with pytest.raises(TypeError, match="in pieces"):
        WireCall("http://x", {}, form_of({})).whole  # noqa: B018
    assert WireCall("http://x", {}, b"{}").whole == b"{}"


def test_memory_is_told_from_what_has_to_be_opened(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    assert form_of({"a": "b", "file": file_of(b"x", "file")}).is_in_memory
    assert not form_of({"file": file_of(tmp_path / "x", "file")}).is_in_memory
    assert Upload(file=file_of(b"x", "file")).is_in_memory
    assert not Upload(file=file_of(io.BytesIO(b"x"), "file")).is_in_memory
