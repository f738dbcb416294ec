"""What goes wrong elsewhere: each way in is tried at every route."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from muxi_llm.gateway.control import Control
from muxi_llm.governance import roles
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.governance.test_control import gateway_of
from tests.support.managed import Managed

CHECKED = ("admin", "machine", "vera", "olga", "tina", "ann", "walt", "cleo", "bare", "caller", "looker")
"""Keys: of each role, and of each kind."""

WRITERS = {"admin", "machine"}
MAY: dict[str, set[str]] = {
    "admin": WRITERS,
    "viewer": {"vera", "looker"},
    "organization": {"olga"},
    "team": {"tina"},
    "self": {"olga", "tina", "ann"},
    "member": {"tina", "ann", "walt", "olga"},
    "key": {"bare", "caller", "cleo"},
}
"""Standing → whose key has it, for a change or at all."""


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('secure')}/store.db")
    migrate(store)
    control = Control(gateway_of(tmp_path_factory.mktemp("gateway")))
    with Managed(store, gateway=control) as managed:
        managed.peopled()
        yield managed
    store.close()


def routes(managed: Managed) -> list[tuple[str, str]]:
    families = managed.app.families
    return [
        (method, route.path)
        for family in families
        for route in family.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    ]


def test_every_route_and_every_role(managed: Managed) -> None:
    """Refused or let on exactly as the table says; what is let on may then find its empty body wanting."""
    tried = routes(managed)
    assert len(tried) > 45
    assert {path for _, path in tried if path.startswith("/control/")}
    for method, path in tried:
        operation = path.strip("/")
        assert operation in {*roles.READS, *roles.WRITES}, f"{path} is in no table"
        is_write = operation in roles.WRITES
        standings = roles.WRITES[operation] if is_write else roles.READS[operation]
        for who in CHECKED:
            may = any(who in MAY[standing] for standing in standings)
            if not is_write:
                may |= "self" in standings and who == "walt"
                may |= "key" in standings and who in {"ann", "tina", "olga", "walt", "vera", "looker"}
            if is_write and who in {"looker", "caller", "walt", "cleo", "bare", "vera"}:
                may = False
            reply = managed.ask(method, path, managed.keys[who], json={} if method != "GET" else None)
            refused = (
                reply.status_code == 403
                and reply.json()["error"]["message"] == "your key or role may not do that"
            )
            assert refused is not may, f"{who}: {method} {path}: {reply.status_code} {reply.text[:200]}"
        for key in ("", "sk-nobody", "' OR 1=1 --"):
            assert managed.ask(method, path, key, json={} if method != "GET" else None).status_code == 401


@pytest.mark.parametrize(
    "key",
    ["' OR '1'='1", "'; DROP TABLE keys; --", "sk-%", "sk-_uxi-", '" OR ""="', "é" * 50, "x" * 8000],
)
def test_a_key_is_looked_up_and_never_read_as_sql(managed: Managed, key: str) -> None:
    for headers in ({"x-api-key": key.encode()}, {"authorization": b"Bearer " + key.encode()}):
        assert managed.ask("GET", "/key/list", headers=headers).status_code == 401
    admin = managed.keys["admin"]
    listed = managed.ask("GET", "/key/list", admin, params={"search": key[:200]})
    assert (listed.status_code, listed.json()["total"]) == (200, 0)
    assert managed.told("/key/list")["total"] > 5


def raw(managed: Managed, request: bytes) -> bytes:
    host, _, port = managed.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(request)
        return client.recv(65536)


def test_neither_host_nor_path_nor_heads_lead_around_who_asks(managed: Managed) -> None:
    for request in (
        b"GET /key/list HTTP/1.1\r\nhost: x/health/live?\r\nconnection: close\r\n\r\n",
        b"GET http://x/key/list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /health/live/../../key/list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET //key/list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /key/list/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /KEY/LIST HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /key/list%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /%6bey/list HTTP/1.1\r\nhost: x\r\nx-original-url: /health/live\r\nconnection: close\r\n\r\n",
        b"GET /key/list HTTP/1.1\r\nhost: x\r\nx-forwarded-user: admin\r\nx-http-method-override: POST\r\nconnection: close\r\n\r\n",
    ):
        status = raw(managed, request).split(b" ", 2)[1]
        assert status in {b"400", b"401", b"404"}, request
    smuggled = b"POST /key/list HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /key/list HTTP/1.1\r\n\r\n"
    assert b" 200 " not in raw(managed, smuggled)


def test_deep_huge_and_unclean_bodies_are_refused(managed: Managed) -> None:
    for body, status in (
        (b"[" * 100_000, 400),
        (b'{"metadata":' * 40 + b"1" + b"}" * 40, 400),
        (b'{"key_name":"' + b"x" * 2**20 + b'"}', 413),
        (b'{"key_name":"\\u0000"}', 400),
        (b'{"key_name":"\\ud800"}', 400),
        (b'{"max_budget":NaN}', 400),
        (b'{"max_budget":1e400}', 400),
        (b'{"rpm_limit":' + b"9" * 5000 + b"}", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
    ):
        reply = managed.ask(
            "POST",
            "/key/generate",
            managed.keys["admin"],
            content=body,
            headers={"content-type": "application/json"},
        )
        assert reply.status_code == status, (body[:40], reply.text[:200])
    assert managed.ask("GET", "/key/list?search=%00", managed.keys["admin"]).status_code == 400


def test_a_canary_is_in_no_answer_no_log_and_no_file(
    managed: Managed, caplog: pytest.LogCaptureFixture
) -> None:
    made = managed.ok("/key/generate", key_name="canary")
    canary = made["key"]
    told = [
        managed.ask(
            method, path, managed.keys["admin"], params={"key": canary} if path == "/key/info" else None
        ).text
        for method, path in routes(managed)
        if method == "GET"
    ]
    told += [
        managed.ask("POST", path, canary, json={canary: canary, "key": canary}).text
        for method, path in routes(managed)
        if method == "POST" and path != "/key/regenerate"
    ]
    assert not [text for text in told if canary in text]
    assert canary not in caplog.text
    database = Path(str(managed.records.store.url.database))
    assert not [file for file in database.parent.iterdir() if canary.encode() in file.read_bytes()]
