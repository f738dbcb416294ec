"""Media fetched for providers that take only base64: off by default, and suspicious of every URL.

A URL may come from whoever writes to the model, and what it names must never be this machine, its network
or its cloud's metadata service. Each host is resolved once, every address it has is checked, and the
connection goes to a checked one: a name that resolves to something else a moment later changes nothing.
No proxy, cookie, credential or header of this program travels with the request. Blocking.
"""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpx2

from muxi_llm.core.media import Media, MediaError
from muxi_llm.transport.addresses import addresses_of, is_public
from muxi_llm.transport.media_types import type_of
from muxi_llm.transport.ports import CONNECT_TIMEOUT

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence

    from muxi_llm.config import MediaPolicy
    from muxi_llm.core.media import MediaKind

MAX_REDIRECTS = 5
PIECE = 65_536


class Fetcher:
    """Fetches for one call, each URL once: attempts and fallbacks share what came."""

    def __init__(
        self, policy: MediaPolicy, resolve: Callable[[str, int], Sequence[str]] | None = None
    ) -> None:
        self._policy = policy
        allowed = policy.allow_private
        self._own_networks = () if isinstance(allowed, bool) else tuple(map(ip_network, allowed))
        self._resolve = resolve or addresses_of
        self._fetched: dict[tuple[str, MediaKind], Media] = {}
        self._asked: set[str] = set()
        self._left = policy.max_total

    def __call__(self, url: str, kind: MediaKind, seconds: float) -> Media:
        """What is at *url*, by then. Raises `MediaError`."""
        if (url, kind) not in self._fetched:
            self._asked.add(url)
            if len(self._asked) > self._policy.max_files:
                raise MediaError(f"more than {self._policy.max_files} files for one call")
            ends = time.monotonic() + min(seconds, self._policy.timeout)
            data, declared = self._follow(url, ends)
            self._left -= len(data)
            media_type = type_of(data, declared, kind)
            _check_allowed(media_type, self._policy.types)
            self._fetched[url, kind] = Media(media_type, base64.b64encode(data).decode())
        return self._fetched[url, kind]

    def _follow(self, url: str, ends: float) -> tuple[bytes, str]:
        for _ in range(MAX_REDIRECTS + 1):
            found = self._visit(url, ends)
            if not isinstance(found, str):
                return found
            url = found
        raise MediaError(f"more than {MAX_REDIRECTS} redirects")

    def _visit(self, url: str, ends: float) -> tuple[bytes, str] | str:
        """The body at *url* and its declared type, or where it redirects to."""
        target = _target(url, self._policy.schemes)
        host = target.hostname or ""
        _check_allowed(host, self._policy.hosts)
        with (
            _faults(host),
            closing(self._connect(target, host, ends)) as connection,
            _by(ends, connection.sock),
        ):
            connection.request("GET", _path(target), headers={"User-Agent": "muxi-llm", "Accept": "*/*"})
            with connection.getresponse() as response:
                if response.status in REDIRECTS and (location := response.getheader("location")):
                    return _joined(url, location)
                return self._read(response, host)

    def _connect(self, target: SplitResult, host: str, ends: float) -> http.client.HTTPConnection:
        port = target.port or PORTS[target.scheme]
        addresses = self._resolve(host, port)
        if not all(self._may_reach(address) for address in addresses):
            raise MediaError(f"{host} is not on the public internet")
        failure: OSError = ConnectionError("the name has no address")
        for address in addresses:
            try:
                return _connected(target.scheme, host, address, port, ends)
            except OSError as error:
                failure = error
        raise failure

    def _may_reach(self, address: str) -> bool:
        if self._policy.allow_private is True or is_public(address):
            return True
        return any(ip_address(address) in network for network in self._own_networks)

    def _read(self, response: http.client.HTTPResponse, host: str) -> tuple[bytes, str]:
        if response.status != 200:
            raise MediaError(f"{host} answered with status {response.status}")
        if response.getheader("content-encoding", "identity").lower() != "identity":
            raise MediaError(f"{host} sent compressed data, which was not asked for")
        policy = self._policy
        limit, told = policy.max_bytes, f"larger than {policy.max_bytes:,} bytes"
        if self._left < limit:
            limit, told = self._left, f"with the call's other files more than {policy.max_total:,} bytes"
        if (response.length or 0) > limit:
            raise MediaError(told)
        data = bytearray()
        while piece := response.read(PIECE):
            data += piece
            if len(data) > limit:
                raise MediaError(told)
        if response.length:  # what the head promised is not all there
            raise http.client.IncompleteRead(bytes(data))
        return bytes(data), response.getheader("content-type", "").partition(";")[0].strip().lower()


# -------------------------------------------------------------------------------------- where to


def _target(url: str, schemes: Sequence[str]) -> SplitResult:
    try:
        target = urlsplit(url)
        sound = target.hostname and target.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        raise MediaError("not a URL") from None
    if target.scheme not in schemes:
        raise MediaError(f"only {' and '.join(schemes)} URLs are fetched")
    if "@" in target.netloc:
        raise MediaError("URLs with a user name or a password are not fetched")
    if not sound or not url.isprintable() or " " in url or "\\" in url:
        raise MediaError("not a URL")
    return target


def _check_allowed(name: str, patterns: Sequence[str]) -> None:
    if not any(fnmatchcase(name, pattern) for pattern in patterns):
        raise MediaError(f"muxi_llm.config.fetch_media does not allow {name}")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise MediaError("not a URL") from None


def _path(target: SplitResult) -> str:
    """As it is but for what has no place in a request line."""
    path = quote(target.path or "/", safe=PATH_SAFE)
    return f"{path}?{quote(target.query, safe=f'{PATH_SAFE}?')}" if target.query else path


def _connected(scheme: str, host: str, address: str, port: int, ends: float) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(host, port)
    connection.default_port = PORTS[scheme]  # left out of the Host header
    sock = socket.create_connection((address, port), min(CONNECT_TIMEOUT, _left(ends)))
    try:
        sock.settimeout(_left(ends))
        connection.sock = tls().wrap_socket(sock, server_hostname=host) if scheme == "https" else sock
    except BaseException:
        sock.close()
        raise
    return connection


@cache
def tls() -> ssl.SSLContext:
    """The system's store of certificates, as the default transport has it."""
    return httpx2.create_ssl_context()


# ----------------------------------------------------------------------------------- in which time


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def _by(ends: float, sock: socket.socket) -> Iterator[None]:
    """Hang up at *ends*: a socket's own timeout never ends a server that sends a byte now and then."""
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        with suppress(OSError):  # it is gone already
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS's own drops what the reader is reading from

    alarm = threading.Timer(_left(ends), hang_up)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not late.is_set():
            raise
    finally:
        alarm.cancel()
    if late.is_set():
        raise TimeoutError


@contextmanager
def _faults(host: str) -> Iterator[None]:
    """What goes wrong on the way, told as `MediaError`."""
    try:
        yield
    except TimeoutError as error:
        raise MediaError(f"{host} took too long") from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise MediaError(f"{host} could not be read: {type(error).__name__}") from error


# ------------------------------------------------------------------------------------------ tables

PORTS = {"http": 80, "https": 443}
REDIRECTS = {301, 302, 303, 307, 308}
PATH_SAFE = "/%:@!$&'()*+,;=~[]"
