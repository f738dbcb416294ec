"""Media fetched from real servers on loopback, and every way a URL may lead where it must not."""

from __future__ import annotations

import base64
import datetime as dt
import gc
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.config import MediaPolicy
from muxi_llm.core.media import MediaError
from muxi_llm.transport.fetch import MAX_REDIRECTS, Fetcher, tls
from tests.support.upstream import Respond

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
HOME = MediaPolicy(allow_private=True, timeout=5, max_bytes=1000)
"""Limits for these tests: their servers are on loopback."""


@pytest.fixture(autouse=True, scope="module")
def swept() -> Iterator[None]:
    """What was left unclosed is found once, at the end: half of these tests open nothing."""
    yield
    gc.collect()


def respond(body: bytes = PNG, kind: str = "image/png", **headers: str) -> Respond:
    return Respond(body=body, headers={"Content-Type": kind, **headers})


def fetch(url: str, kind: Any = "image", policy: MediaPolicy = HOME, seconds: float = 5) -> tuple[str, bytes]:
    media = Fetcher(policy)(url, kind, seconds)
    return media.type, base64.b64decode(media.base64)


def refusal(url: str, kind: Any = "image", policy: MediaPolicy = HOME, seconds: float = 5) -> str:
    with pytest.raises(MediaError) as caught:
        Fetcher(policy)(url, kind, seconds)
    return str(caught.value)


@contextmanager
def serving(talk: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port on which one connection is taken and talked to."""

    def serve() -> None:
        with listener.accept()[0] as connection:
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


# ------------------------------------------------------------------------------------- what comes


def test_an_image_and_its_type(upstream):
    upstream.script = [respond()]
    assert fetch(f"{upstream.url}/a%20b/ä.png?q=1&r=é/?#top") == ("image/png", PNG)
    asked = upstream.requests[0]
    assert asked.path == "/a%20b/%C3%A4.png?q=1&r=%C3%A9/?"
    assert asked.headers == {
        "host": f"127.0.0.1:{upstream.port}",
        "accept-encoding": "identity",
        "user-agent": "muxi-llm",
        "accept": "*/*",
    }


def test_one_call_fetches_a_url_once(upstream):
    """Attempts and fallbacks share what came; a failure is tried again."""
    upstream.script = [Respond(503), respond()]
    fetcher = Fetcher(HOME)
    with pytest.raises(MediaError, match="answered with status 503"):
        fetcher(upstream.url, "image", 5)
    assert fetcher(upstream.url, "image", 5) is fetcher(upstream.url, "image", 5)
    assert len(upstream.requests) == 2


def test_nothing_of_the_environment_travels(upstream, monkeypatch, tmp_path):
    """Neither a proxy nor `.netrc` is asked: the connection that was checked is the one that is used."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    upstream.script = [respond(**{"Set-Cookie": "a=b"}), respond()]
    fetcher = Fetcher(HOME)
    for path in ("/1", "/2"):
        fetcher(upstream.url + path, "image", 5)
    assert not {"cookie", "authorization", "proxy-authorization"} & upstream.requests[1].headers.keys()


def test_a_chunked_body(upstream):
    upstream.script = [Respond(headers={"Content-Type": "image/png"}, chunks=[PNG[:9], PNG[9:]])]
    assert fetch(upstream.url) == ("image/png", PNG)


# -------------------------------------------------------------------------------------- redirects


def test_redirects_are_followed_to_a_relative_place_too(upstream):
    upstream.script = [Respond(302, headers={"Location": "/there?x=1"}), respond()]
    assert fetch(f"{upstream.url}/here") == ("image/png", PNG)
    assert [asked.path for asked in upstream.requests] == ["/here", "/there?x=1"]


def test_redirects_have_an_end(upstream):
    upstream.respond = lambda _: Respond(307, headers={"Location": "/again"})
    assert refusal(upstream.url) == "more than 5 redirects"
    assert len(upstream.requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "only https and http URLs are fetched"),
        ("gopher://127.0.0.1:6379/_x", "only https and http URLs are fetched"),
        ("http://me:secret@127.0.0.1/", "URLs with a user name or a password are not fetched"),
        ("http://[::1/", "not a URL"),
    ],
)
def test_pitfall_46_each_redirect_is_checked(upstream, location, why):
    """The first URL was fine; where it leads is judged like it."""
    upstream.script = [Respond(302, headers={"Location": location})]
    assert refusal(upstream.url) == why


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_pitfall_46_a_redirect_inside_is_refused(upstream, status):
    """Where a redirect leads is resolved and checked like the first URL, not trusted for coming from it."""
    upstream.script = [Respond(status, headers={"Location": "http://metadata.internal/latest"})]
    names = {"public.example": ["127.0.0.1"], "metadata.internal": ["169.254.169.254"]}
    fetcher = Fetcher(MediaPolicy(allow_private=("127.0.0.1/32",)), lambda host, port: names[host])
    with pytest.raises(MediaError, match=r"^metadata\.internal is not on the public internet$"):
        fetcher(f"http://public.example:{upstream.port}/", "image", 5)
    assert len(upstream.requests) == 1


# ------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]",
     "169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192", "168.63.129.16", "10.0.0.1",
     "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[fe80::1]", "[fec0::1]", "[::127.0.0.1]", "[ff02::1]"],
)  # fmt: skip
def test_pitfall_46_no_spelling_of_a_private_address_is_reached(host):
    """However it is written, what it resolves to is what counts."""
    assert refusal(f"http://{host}/", policy=MediaPolicy()).endswith("is not on the public internet")


def test_pitfall_46_every_address_of_a_name_counts(upstream):
    """One private address among public ones, and the name is refused: connecting might take either."""
    fetcher = Fetcher(MediaPolicy(), lambda host, port: ["93.184.215.14", "127.0.0.1"])
    with pytest.raises(MediaError, match="not on the public internet"):
        fetcher(f"http://two-faced.example:{upstream.port}/", "image", 5)
    assert upstream.accepted == 0


def test_pitfall_46_a_name_is_resolved_once(upstream):
    """What was checked is what is connected to; a second answer of the name server has no say."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    upstream.script = [respond()]
    fetcher = Fetcher(HOME, lambda host, port: next(answers))
    assert fetcher(f"http://rebinding.example:{upstream.port}/", "image", 5).type == "image/png"
    assert upstream.requests[0].headers["host"] == f"rebinding.example:{upstream.port}"
    assert next(answers) == ["127.0.0.2"]


def test_the_next_address_is_tried(upstream):
    upstream.script = [respond()]
    fetcher = Fetcher(HOME, lambda host, port: ["127.0.0.77", "127.0.0.1"])  # nobody listens on the first
    assert fetcher(f"http://many.example:{upstream.port}/", "image", 5).type == "image/png"


def test_networks_of_ones_own(upstream):
    """Allowing one private network allows no other."""
    upstream.script = [respond()]
    own = MediaPolicy(allow_private=("10.0.0.0/8", "127.0.0.1/32"))
    assert fetch(upstream.url, policy=own) == ("image/png", PNG)
    assert refusal("http://127.0.0.2/", policy=own) == "127.0.0.2 is not on the public internet"
    assert refusal("http://[::1]/", policy=own) == "::1 is not on the public internet"


def test_a_name_without_addresses():
    with pytest.raises(MediaError, match=r"^nowhere\.example could not be read: ConnectionError$"):
        Fetcher(HOME, lambda host, port: [])("http://nowhere.example/", "image", 5)


# ------------------------------------------------------------------------------------- odd URLs


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/a.png", "only https and http URLs are fetched"),
        ("//example.com/a.png", "only https and http URLs are fetched"),
        ("http://user@example.com/", "URLs with a user name or a password are not fetched"),
        ("http://:pw@example.com/", "URLs with a user name or a password are not fetched"),
        ("http:///a.png", "not a URL"),
        ("http://example.com:99999/", "not a URL"),
        ("http://example.com:0/", "not a URL"),
        ("http://example.com/a b", "not a URL"),
        ("http://example.com/\r\nHost: evil", "not a URL"),
        ("http://evil.com\\@example.com/", "URLs with a user name or a password are not fetched"),
        ("http://example.com\\evil.com/", "not a URL"),
        (f"http://{'a' * 64}.example/", f"{'a' * 64}.example could not be read: UnicodeError"),
    ],
    ids=lambda value: None if " " in value else value[:40],
)
def test_odd_urls_are_refused(url, why):
    assert refusal(url) == why


def test_pitfall_46_only_allowed_hosts_are_asked(upstream):
    """A redirect to another one is refused as well."""
    own = MediaPolicy(allow_private=True, hosts=("*.example",))
    upstream.script = [Respond(302, headers={"Location": f"http://127.0.0.1:{upstream.port}/"})]
    fetcher = Fetcher(own, lambda host, port: ["127.0.0.1"])
    with pytest.raises(MediaError, match=r"fetch_media does not allow 127\.0\.0\.1$"):
        fetcher(f"http://cdn.example:{upstream.port}/", "image", 5)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("name", ["schemes", "hosts", "types", "allow_private"])
def test_a_policy_is_checked_when_it_is_made(name):
    with pytest.raises(TypeError, match="takes a tuple of strings, not one string"):
        MediaPolicy(**{name: "10.0.0.0/8"})
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        Fetcher(MediaPolicy(allow_private=("home",)))


def test_plain_http_can_be_ruled_out(upstream):
    assert refusal(upstream.url, policy=MediaPolicy(schemes=("https",), allow_private=True)) == (
        "only https URLs are fetched"
    )
    assert upstream.accepted == 0


# ---------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "reply",
    [
        respond(PNG + bytes(2000)),
        Respond(headers={"Content-Type": "image/png"}, chunks=[PNG] * 40),
        Respond(headers={"Content-Type": "image/png"}, chunks=iter(lambda: bytes(500), b"")),
    ],
    ids=["by its length", "chunked", "without end"],
)
def test_pitfall_46_too_large(upstream, reply):
    upstream.script = [reply]
    assert refusal(upstream.url) == "larger than 1,000 bytes"


def test_the_files_of_a_call_are_counted_and_summed(upstream):
    """Each URL once; what a retry asks for again is there already."""
    upstream.respond = lambda _: respond(PNG.ljust(400))
    fetcher = Fetcher(MediaPolicy(allow_private=True, max_files=3))
    for number in (1, 2, 3, 1, 2):
        fetcher(f"{upstream.url}/{number}", "image", 5)
    with pytest.raises(MediaError, match="more than 3 files for one call"):
        fetcher(f"{upstream.url}/4", "image", 5)
    fetcher = Fetcher(MediaPolicy(allow_private=True, max_total=1000))
    fetcher(f"{upstream.url}/1", "image", 5)
    fetcher(f"{upstream.url}/2", "image", 5)
    with pytest.raises(MediaError, match="with the call's other files more than 1,000 bytes"):
        fetcher(f"{upstream.url}/3", "image", 5)
    assert len(upstream.requests) == 6


def test_exactly_as_large_as_allowed(upstream):
    upstream.script = [respond(PNG.ljust(1000))]
    assert fetch(upstream.url)[1] == PNG.ljust(1000)


DRIP = [b"x", *[0.02, b"x"] * 500]


@pytest.mark.parametrize(
    "reply",
    [Respond(chunks=DRIP), Respond(delay=30), Respond(302, headers={"Location": "/"}, delay=30)],
    ids=["a drip", "silence", "a late redirect"],
)
def test_pitfall_46_too_slow(upstream, reply):
    """A drip never runs into a socket's own timeout; the clock of the whole does."""
    upstream.script = [reply]
    assert refusal(upstream.url, seconds=0.2) == "127.0.0.1 took too long"


def test_a_head_that_drips():
    """Nor does a server that never gets to the end of its head."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        with suppress(OSError):
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)

    with serving(drip) as port:
        assert refusal(f"http://127.0.0.1:{port}/", seconds=0.2) == "127.0.0.1 took too long"


def test_the_policys_own_time_holds_too(upstream):
    upstream.script = [Respond(delay=30)]
    assert (
        refusal(upstream.url, policy=MediaPolicy(allow_private=True, timeout=0.2))
        == "127.0.0.1 took too long"
    )


def test_no_time_left(upstream):
    assert refusal(upstream.url, seconds=0) == "127.0.0.1 took too long"
    assert upstream.requests == []


def test_half_of_a_body_is_no_body(upstream):
    upstream.script = [Respond(body=PNG, headers={"Content-Type": "image/png"}, cut=True)]
    assert refusal(upstream.url) == "127.0.0.1 could not be read: IncompleteRead"


def test_pitfall_46_compressed_data_are_refused(upstream):
    """A few kilobytes may unpack to gigabytes; nothing is unpacked here at all."""
    upstream.script = [respond(gzip.compress(bytes(500_000))[:900], **{"Content-Encoding": "gzip"})]
    assert refusal(upstream.url) == "127.0.0.1 sent compressed data, which was not asked for"


def test_nobody_listens(upstream):
    upstream.close()
    assert refusal(upstream.url) == "127.0.0.1 could not be read: ConnectionRefusedError"


def test_not_http():
    with serving(lambda connection: connection.sendall(b"SSH-2.0-x\r\n")) as port:
        assert refusal(f"http://127.0.0.1:{port}/") == "127.0.0.1 could not be read: BadStatusLine"


# ----------------------------------------------------------------------------------------- types

HTML = b"\n<!DOCTYPE html><p>Log in"


def test_only_allowed_types_pass(upstream):
    upstream.respond = lambda _: respond(HTML, "text/html; charset=utf-8")
    assert refusal(upstream.url, "file") == "muxi_llm.config.fetch_media does not allow text/html"
    allowed = MediaPolicy(allow_private=True, types=("text/*",))
    assert fetch(upstream.url, "file", allowed) == ("text/html", HTML)


# ------------------------------------------------------------------------------------------ TLS


def test_tls_is_verified_against_the_name():
    """A certificate nobody vouches for is not taken, by whatever address the name was reached."""
    seen: list[bytes] = []
    fetcher = Fetcher(HOME, lambda host, port: ["127.0.0.1"])
    wrong = pytest.raises(MediaError, match=r"^pinned\.example could not be read: SSL")
    with serving(lambda connection: seen.append(connection.recv(4096))) as port, wrong:
        fetcher(f"https://pinned.example:{port}/", "image", 5)
    assert b"pinned.example" in seen[0]  # the name it asked for, in the clear of the handshake


def test_https_by_the_checked_address_and_the_right_name(monkeypatch, tmp_path):
    """The handshake, the certificate's name and the Host header are the URL's; only the address is ours."""
    certificate = self_signed(tmp_path, "pinned.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls.cache_clear()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as secure:
            asked.append(secure.recv(4096))
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + PNG)

    fetcher = Fetcher(HOME, lambda host, port: ["127.0.0.1"])
    with serving(talk) as port:
        media = fetcher(f"https://pinned.example:{port}/a.png", "image", 5)
    tls.cache_clear()
    assert base64.b64decode(media.base64) == PNG
    assert f"Host: pinned.example:{port}\r\n".encode() in asked[0]


def self_signed(folder: Path, name: str) -> Path:
    """A certificate for *name* and its key, in one file."""
    x509 = pytest.importorskip(
        "cryptography.x509", reason="SKIPPED LOUDLY: cryptography makes the certificate"
    )
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(today).not_valid_after(today + dt.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    file = folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    key_pem = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(signed.public_bytes(pem) + key_pem)
    return file


def test_a_deadline_holds_for_the_handshake():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert refusal(url, seconds=0.2) == "127.0.0.1 took too long"


def test_certificates_are_checked_by_name_and_chain():
    assert (tls().check_hostname, tls().verify_mode) == (True, ssl.CERT_REQUIRED)
