"""A call as httpcore2 takes it, and its reply as this library does, with no layer in between."""

from __future__ import annotations

import time
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import getproxies

import httpcore2
import httpx2

from muxi_llm.core.port import UnsendableError
from muxi_llm.transport.bounded import ACCEPTED, Body, check_headers
from muxi_llm.transport.ports import CONNECT_TIMEOUT
from muxi_llm.wire.base import Reply

URLPattern: Any
get_environment_proxies: Any
try:
    from httpx2._utils import URLPattern, get_environment_proxies  # as httpx2 itself reads NO_PROXY
except ImportError:  # private, and moved: then whoever has a proxy is httpx2's to serve
    URLPattern = get_environment_proxies = None

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from muxi_llm.transport.deadlines import Deadline
    from muxi_llm.transport.uploads import Opened
    from muxi_llm.wire.base import WireCall


class Target(NamedTuple):
    """Where a URL leads. origin: scheme, host and port, what connections are told apart by."""

    origin: tuple[bytes, bytes, int]
    url: httpcore2.URL
    host: bytes
    parsed: httpx2.URL


@lru_cache(maxsize=256)
def target_of(url: str) -> Target | None:
    """Where *url* leads; `None` where httpx2 is to find out: a user's name is in it, or only httpx2 knows how
    to read what the environment says of proxies. Raises for what is no URL of HTTP's.
    """
    parsed = httpx2.URL(url)
    scheme, host = parsed.raw_scheme, parsed.raw_host
    if scheme not in PORTS or not host:
        raise UnsendableError
    if parsed.userinfo or (get_environment_proxies is None and getproxies()):
        return None
    port = parsed.port or PORTS[scheme]
    plain = httpcore2.URL(scheme=scheme, host=host, port=parsed.port, target=parsed.raw_path)
    return Target((scheme, host, port), plain, parsed.netloc, parsed)


def request_of(call: WireCall, target: Target, deadline: Deadline, body: Opened) -> httpcore2.Request:
    """body: as it was `opened`. Raises `UnsendableError`."""
    try:
        given = {name.lower().encode("ascii"): value.encode("ascii") for name, value in call.headers.items()}
        headers = {b"host": target.host, **DEFAULTS, **given}
    except (AttributeError, UnicodeError):
        raise UnsendableError from None
    if not isinstance(body, bytes):
        headers.update((name.encode(), value.encode()) for name, value in body.headers.items())
    elif body or call.method in WITH_BODY:
        headers[b"content-length"] = b"%d" % len(body)
    timeout = {"connect": min(CONNECT_TIMEOUT, call.timeout), "read": deadline, "write": deadline}
    return httpcore2.Request(
        call.method,
        target.url,
        headers=list(headers.items()),
        content=body,
        extensions={"timeout": timeout},
    )


def reply_of(status: int, raw: Iterable[tuple[bytes, bytes]]) -> tuple[Reply, Body]:
    """What a head of *status* and *raw* headers says, and how to read the body. Raises `TransportError`."""
    headers: dict[str, str] = {}
    for said, value in raw:
        if value.isascii():
            name, text = said.decode("ascii").lower(), value.decode("ascii")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    check_headers(headers)
    return Reply(status, headers, received=time.time()), Body(status, headers)


class Surroundings:
    """The environment's proxies as they were at the beginning, and who is trusted over TLS."""

    def __init__(self) -> None:
        # As httpx2 has them: the most particular first.
        found = get_environment_proxies() if get_environment_proxies is not None else {}
        self._proxies = sorted((URLPattern(pattern), url) for pattern, url in found.items())

    def proxy_for(self, target: Target) -> str | None:
        """The proxy's URL, `None` where there is none in between."""
        return next((url for pattern, url in self._proxies if pattern.matches(target.parsed)), None)

    @cached_property
    def certificates(self) -> ssl.SSLContext:
        """The system's, or the environment's (`SSL_CERT_FILE`)."""
        return httpx2.create_ssl_context()


class Makers(Surroundings):
    """What makes connections: directly, or by a proxy.

    pool: httpcore2's, of either colour, for how it makes one connection alone.
    """

    def __init__(self, pool: Any, backend: Any) -> None:
        super().__init__()
        self._pool = pool
        self._backend = backend
        self._makers: dict[tuple[bytes, bytes, int], Any] = {}

    def connection(self, target: Target) -> Any:
        """A new one to *target*, not connected yet."""
        maker = self._makers.get(target.origin)
        if maker is None:
            maker = self._makers[target.origin] = self._maker(target)
        return maker.create_connection(httpcore2.Origin(*target.origin))

    def _maker(self, target: Target) -> Any:
        proxy = self.proxy_for(target)
        return self._pool(
            ssl_context=self.certificates if target.origin[0] == b"https" else None,
            proxy=_proxy(httpx2.Proxy(proxy)) if proxy else None,
            network_backend=self._backend,
        )


def _proxy(proxy: httpx2.Proxy) -> httpcore2.Proxy:
    where = proxy.url
    url = httpcore2.URL(scheme=where.raw_scheme, host=where.raw_host, port=where.port, target=where.raw_path)
    return httpcore2.Proxy(url, auth=proxy.raw_auth, headers=proxy.headers.raw, ssl_context=proxy.ssl_context)


# ------------------------------------------------------------------------------------------ tables

PORTS = {b"http": 80, b"https": 443}
WITH_BODY = {"POST", "PUT", "PATCH"}
REPEATABLE = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}
"""https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2: twice does what once does. An answer of a model's is
paid for each time.
"""
DEFAULTS = {
    b"accept": b"*/*",
    b"accept-encoding": ACCEPTED.encode(),
    b"connection": b"keep-alive",
    b"user-agent": b"muxi-llm",
}
