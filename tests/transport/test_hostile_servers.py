"""Servers that drip, flood and never end: every transport is done with them in time and in bounds."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, cycle, pairwise, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm import config
from muxi_llm.config import Bounds
from muxi_llm.core.port import IO, TooLargeError, TransportError
from muxi_llm.transport.bounded import Body
from muxi_llm.wire.base import WireCall
from tests.support.length import long
from tests.support.rude import Rude
from tests.support.upstream import Respond, Upstream
from tests.transport.conftest import Wired, call_to, until

PACE = 0.02
ASKED = 10


def dripped(data: bytes, *before: bytes) -> Iterator[bytes | float]:
    """*data* byte by byte, again and again."""
    return chain(before, chain.from_iterable((bytes([byte]), PACE) for byte in cycle(data)))


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
GZIPPED = HEAD + b"content-encoding: gzip\r\ncontent-length: 1000000\r\n\r\n"
NAMED = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"  # a gzip header whose file name follows, up to a zero byte

DRIPS: dict[str, Callable[[], Iterable[bytes | float]]] = {
    "a head": lambda: dripped(b"x: y\r\n", b"HTTP/1.1 200 OK\r\n"),
    "a status line": lambda: dripped(b" ", b"HTTP/1.1 200 "),
    "one head after another that is none": lambda: cycle([b"HTTP/1.1 103 Early Hints\r\n\r\n", PACE]),
    "a body": lambda: dripped(b" ", HEAD + b"content-length: 1000000\r\n\r\n"),
    "chunks": lambda: chain([CHUNKED], cycle([b"1\r\n \r\n", PACE])),
    "the size of a chunk": lambda: dripped(b"0", CHUNKED),
    "what is beside the size of a chunk": lambda: dripped(b"x", CHUNKED + b"1;"),
    "trailers": lambda: dripped(b"x: y\r\n", CHUNKED + b"1\r\n \r\n0\r\n"),
    "a name inside of gzip": lambda: dripped(b"n", GZIPPED + NAMED),
}


@pytest.mark.parametrize("say", DRIPS.values(), ids=DRIPS)
def test_a_reply_is_there_in_time_or_it_is_a_timeout(
    wired: Wired, say: Callable[[], Iterable[bytes | float]]
) -> None:
    """However little is missing at each moment; and its connection is freed."""
    with Rude(say) as server:

        async def scenario(io: IO) -> None:
            with pytest.raises(TransportError) as caught:
                await io.send(WireCall(server.url, {}, b"{}", timeout=0.4))
            assert caught.value.timeout
            assert await until(io, server.hung_up.is_set)

        wired.run(scenario)


SILENT = ("a head", "one head after another that is none", "the size of a chunk", "a name inside of gzip")


@pytest.mark.parametrize("say", [DRIPS[name] for name in SILENT], ids=SILENT)
def test_a_stream_speaks_in_time_or_it_is_a_timeout(
    wired: Wired, say: Callable[[], Iterable[bytes | float]]
) -> None:
    """What brings no byte of the body nearer counts for nothing."""
    with Rude(say) as server:

        async def scenario(io: IO) -> None:
            with pytest.raises(TransportError) as caught:
                await pull(await io.send(WireCall(server.url, {}, b"{}", stream=True, timeout=0.4)))
            assert caught.value.timeout
            assert await until(io, server.hung_up.is_set)

        wired.run(scenario)


def test_a_time_out_is_not_lost_to_what_comes_at_the_same_moment(wired: Wired) -> None:
    """Nor, therefore, a cancellation: on an event loop they are one."""
    with Rude(lambda: chain([GZIPPED, NAMED], cycle([b"n", 0.0001]))) as server:

        async def scenario(io: IO) -> None:
            for _ in range(8):
                reply = await io.send(WireCall(server.url, {}, b"{}", stream=True, timeout=0.1))
                with pytest.raises(TransportError) as caught:
                    await pull(reply)
                assert caught.value.timeout

        wired.run(scenario)


def test_a_stream_has_all_its_time_again_only_when_told(wired: Wired) -> None:
    """Bytes alone do not renew it: they may amount to nothing."""
    with Rude(lambda: chain([CHUNKED], cycle([b"1\r\n:\r\n", 0.1]))) as server:

        async def scenario(io: IO) -> None:
            reply = await io.send(WireCall(server.url, {}, b"{}", stream=True, timeout=0.6))
            for _ in range(9):
                await reply.reader.read()
                reply.reader.renew()
            with pytest.raises(TransportError) as caught:
                await pull(reply)
            assert caught.value.timeout
            assert await until(io, server.hung_up.is_set)

        wired.run(scenario)


# ------------------------------------------------------------------------------------------ sizes

BIG = bytes(4_000_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


BOMBS: dict[str, tuple[bytes, str]] = {
    "gzip": (gzip.compress(BIG), "gzip"),
    "gzip by its old name": (gzip.compress(BIG), "x-gzip"),
    "deflate": (zlib.compress(BIG), "deflate"),
    "deflate without its frame": (raw_deflate(BIG), "deflate"),
    "gzip in gzip": (gzip.compress(gzip.compress(BIG)), "gzip, gzip"),
    "deflate in gzip": (gzip.compress(zlib.compress(BIG)), "Deflate,GZip"),
    "nothing compressed to much, compressed": (gzip.compress(gzip.compress(b"") + BIG), "gzip, gzip"),
    "none": (BIG, "identity"),
    "one nobody knows": (BIG, "rot13"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("body", "encoding"), BOMBS.values(), ids=BOMBS)
def test_a_reply_that_is_too_large(
    wired: Wired, upstream: Upstream, body: bytes, encoding: str, stream: bool
) -> None:
    """Is given up while it is read, and never held whole."""
    config.bounds = Bounds(reply=200_000)
    upstream.respond = lambda _: Respond(body=body, headers={"content-encoding": encoding})

    async def scenario(io: IO) -> int:
        tracemalloc.start()
        with pytest.raises(TooLargeError, match=r"more than 200,000 bytes \(muxi_llm.config.bounds.reply\)"):
            await pull(await io.send(call_to(upstream, stream=stream)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak = wired.run(scenario)
    assert peak < 3_000_000 or body is BIG  # which its server holds, in this process


async def pull(reply: Any) -> int:
    """The size of a stream, nothing of it kept."""
    size = 0
    try:
        while piece := await reply.reader.read():
            size += len(piece)
    finally:
        await reply.reader.close()
    return size


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_just_as_large_as_allowed(wired: Wired, upstream: Upstream, stream: bool) -> None:
    config.bounds = Bounds(reply=200_000)
    body = gzip.compress(bytes(200_000))
    upstream.respond = lambda _: Respond(body=body, headers={"content-encoding": "gzip"})

    async def scenario(io: IO) -> int:
        reply = await io.send(call_to(upstream, stream=stream))
        return await pull(reply) if stream else len(reply.content)

    assert wired.run(scenario) == 200_000


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_errors_body_is_cut(wired: Wired, upstream: Upstream, encoding: str, stream: bool) -> None:
    """Its status says what matters, and a limited caller is to wait, not to be told of sizes."""
    config.bounds = Bounds(error=1000)
    body = gzip.compress(BIG) if encoding == "gzip" else BIG
    upstream.respond = lambda _: Respond(429, body=body, headers={"content-encoding": encoding})

    async def scenario(io: IO) -> tuple[int, int]:
        reply = await io.send(call_to(upstream, stream=stream))
        return reply.status, await pull(reply) if stream else len(reply.content)

    assert wired.run(scenario) == (429, 1000)


def test_headers_that_are_too_large(wired: Wired, upstream: Upstream) -> None:
    config.bounds = Bounds(headers=2000)
    upstream.respond = lambda _: Respond(json={}, headers={f"x-{n}": "y" * 100 for n in range(20)})

    async def scenario(io: IO) -> None:
        for stream in (False, True):
            with pytest.raises(
                TooLargeError, match=r"more than 2,000 bytes \(muxi_llm.config.bounds.headers\)"
            ):
                await io.send(call_to(upstream, stream=stream))

    wired.run(scenario)


def test_heads_without_end(wired: Wired) -> None:
    """Are no more than a transport takes, at whatever speed they come."""
    head = b"HTTP/1.1 200 OK\r\n"
    with Rude(lambda: chain([head], repeat(b"x-x: " + b"y" * 5000 + b"\r\n", 1000))) as server:
        call = WireCall(server.url, {}, b"{}", timeout=20)
        with pytest.raises(TransportError):
            wired.send(call)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress"])
def test_an_encoding_that_was_not_asked_for_is_not_read(
    wired: Wired, upstream: Upstream, encoding: str
) -> None:
    """Where no library is there to read it in pieces, nobody tries."""
    upstream.respond = lambda _: Respond(body=b"\x0b\x00\x80\x03", headers={"content-encoding": encoding})
    if wired.name == "httpx2":
        assert wired.send(call_to(upstream)).content == b"\x0b\x00\x80\x03"
    else:
        with pytest.raises(
            TransportError, match=r"compressed as (br|zstd|compress), which was not asked for"
        ):
            wired.send(call_to(upstream))
    assert upstream.requests[0].headers["accept-encoding"] == "gzip, deflate"


def test_compressed_too_often(wired: Wired, upstream: Upstream) -> None:
    upstream.respond = lambda _: Respond(body=b"x", headers={"content-encoding": "gzip, " * 6})
    with pytest.raises(TransportError, match="more than 5 times"):
        wired.send(call_to(upstream))


PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "x-gzip": gzip.compress}


@settings(max_examples=long(100, 33), deadline=None)
@given(st.data(), st.binary(max_size=300_000), st.lists(st.sampled_from(sorted(PACKERS)), max_size=3))
def test_a_body_is_the_same_however_it_is_cut(
    data: st.DataObject, plain: bytes, encodings: list[str]
) -> None:
    """And comes in pieces that are small, if it was compressed."""
    packed = plain
    for encoding in encodings:
        packed = PACKERS[encoding](packed)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=5)))
    places = [0, *cuts, len(packed)]
    body = Body(200, {"content-encoding": ", ".join(encodings)} if encodings else {})
    pieces = [piece for start, end in pairwise(places) for piece in body.feed(packed[start:end])]
    assert b"".join(pieces) == plain
    assert not encodings or all(len(piece) <= 65_536 for piece in pieces)


# ---------------------------------------------------------------------------------------- the end


def test_nothing_waits_behind_the_end_of_an_answer(wired: Wired, upstream: Upstream) -> None:
    """A body that does not end there costs its connection, and no time."""
    upstream.respond = lambda _: Respond(chunks=[b"data: [DONE]\n\n", 30.0])

    async def scenario(io: IO) -> None:
        reply = await io.send(call_to(upstream, stream=True))
        await reply.reader.read()
        began = io.now()
        await reply.reader.finish()
        assert io.now() - began < 10
        assert await until(io, upstream.closed_early.is_set)

    wired.run(scenario)


def test_a_server_that_talks_on_behind_the_end(wired: Wired) -> None:
    """As fast as it can: it is left, not listened to."""
    said = chain([CHUNKED + b"e\r\ndata: [DONE]\n\n\r\n"], repeat(b"4\r\n: p\n\r\n"))
    with Rude(lambda: said) as server:

        async def scenario(io: IO) -> None:
            reply = await io.send(WireCall(server.url, {}, b"{}", stream=True))
            await reply.reader.read()
            await reply.reader.finish()
            assert await until(io, server.hung_up.is_set)

        wired.run(scenario)


def test_a_connection_is_used_again_if_the_end_of_its_body_is_there(wired: Wired) -> None:
    """In the same packet as the answer's, as it mostly is. `fast` gives its connections back in a thread of its
    own, a little after the end is read.
    """
    whole = CHUNKED + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    with Rude(lambda: [whole]) as server:

        async def scenario(io: IO) -> None:
            for _ in range(ASKED):
                reply = await io.send(WireCall(server.url, {}, b"{}", stream=True))
                assert await reply.reader.read() == b"data: [DONE]\n\n"
                await reply.reader.finish()

        wired.run(scenario)
        assert server.accepted < ASKED if wired.name == "fast" else server.accepted == 1
