"""Many streams at once, and the end of what serves them: everybody is told, and nothing is sent twice."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.gateway.test_faults import DOORS, EVENTS, raw, whole
from tests.gateway.test_serve import ASKED, configured
from tests.support import bodies
from tests.support.length import long
from tests.support.patience import LIFETIME, until
from tests.support.serving import Serving
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMED = {**ASKED, "stream": True}


class Held:
    """A provider that begins its streams, and goes on with those that are let go: `user` says whose one is."""

    def __init__(self) -> None:
        self.go = {name: threading.Event() for name in ("finishes", "hangs")}

    def __call__(self, received: Received) -> Respond:
        go = self.go[received.json["user"]]

        def pieces() -> Iterator[bytes | float]:
            first, second, *rest = bodies.chat_stream("Hel", "lo")
            yield first
            yield second
            while not go.is_set():
                yield 0.05  # notices who hangs up
            yield from rest

        return Respond(chunks=pieces(), headers=EVENTS)


def began(client: socket.socket) -> bytes:
    """What came, up to the first word."""
    client.settimeout(LIFETIME)
    found = b""
    while b"Hel" not in found:
        piece = client.recv(65536)
        assert piece, found
        found += piece
    return found


def test_a_signal_with_many_streams_open_ends_each_of_them_properly(tmp_path: Path) -> None:
    streams = long(200, 40)
    held = Held()
    with (
        Upstream(held) as upstream,
        Serving(configured(tmp_path, upstream, drain_pause=0, drain_timeout=3)) as served,
    ):
        clients = [
            raw(served, "/v1/chat/completions", {**STREAMED, "user": ("finishes", "hangs")[number % 2]})
            for number in range(streams)
        ]
        for client in clients:
            began(client)
        served.tell(signal.SIGTERM)
        until(lambda: refuses(served))
        held.go["finishes"].set()
        for number, client in enumerate(clients):
            with client:
                rest = whole(client)
            assert rest.endswith(b"0\r\n\r\n")  # none was cut
            assert (b"[DONE]" in rest, b'"error"' in rest) == ((True, False), (False, True))[number % 2]
        assert served.ended() == 0
        until(lambda: upstream.connections == 0)
        assert len(upstream.requests) == streams


def refuses(served: Serving) -> bool:
    """Whether its listener is closed."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


def test_a_worker_that_is_killed_takes_its_own_streams_with_it_and_no_others(tmp_path: Path) -> None:
    held, asked = Held(), {**STREAMED, "user": "finishes"}
    with (
        ExitStack() as stack,
        Upstream(held) as upstream,
        Serving(configured(tmp_path, upstream, workers=2, drain_pause=0)) as served,
    ):
        killed, kept = until(lambda: served.workers[:2])
        clients = []
        for other in (kept, killed):  # while one is held, all come to the other
            os.kill(other, signal.SIGSTOP)
            for _ in range(4):
                clients.append(stack.enter_context(raw(served, "/v1/chat/completions", asked)))
                began(clients[-1])
            os.kill(other, signal.SIGCONT)
        lost, rest = clients[:4], clients[4:]
        os.kill(killed, signal.SIGKILL)
        assert not any(
            b"[DONE]" in whole(client) for client in lost
        )  # cut: nobody takes it for a whole answer
        until(lambda: upstream.connections == len(rest))
        held.go["finishes"].set()
        assert all(b"[DONE]" in whole(client) for client in rest)
        until(lambda: len(served.workers) == 2)
        last = stack.enter_context(raw(served, "/v1/chat/completions", asked))
        last.settimeout(LIFETIME)
        assert b"[DONE]" in whole(last)
        assert len(upstream.requests) == 9
        served.tell(signal.SIGTERM)
        assert served.ended() == 0


def test_memory_does_not_grow_with_how_many_have_been_served(tmp_path: Path) -> None:
    """Those that leave included. The soak in `bench` is the same for ten minutes."""
    held = Held()
    for go in held.go.values():
        go.set()
    body = {**DOORS["/v1/chat/completions"], "stream": True}
    with Upstream(held) as upstream, Serving(configured(tmp_path, upstream, drain_pause=0)) as served:

        def crowd(rounds: int) -> None:
            for number in range(rounds):
                with raw(served, "/v1/chat/completions", {**body, "user": "finishes"}) as client:
                    began(client) if number % 2 else whole(client)

        crowd(100)
        before = rss_of(served.pid)
        crowd(long(3000, 300))
        assert rss_of(served.pid) - before < 16 * 2**20


def rss_of(pid: int) -> int:
    """Bytes of memory of another process."""
    statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(statm.split()[1]) * os.sysconf("SC_PAGESIZE")
