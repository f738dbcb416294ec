"""What stands before a server on loopback: an end of TLS, and a proxy that is asked to CONNECT."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Tunnel:
    """Hands on what comes; an event loop in a thread of its own serves it. accepted: connections ever opened."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._writers: set[Writer] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        serving = asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        self._server = self._run(serving)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _end(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def _accept(self, reader: Reader, writer: Writer) -> None:
        self.accepted += 1
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        raise NotImplementedError

    async def _through(self, reader: Reader, writer: Writer, port: int) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        self._writers.add(back)
        await asyncio.gather(_pumped(reader, back), _pumped(there, writer), return_exceptions=True)


async def _pumped(reader: Reader, writer: Writer) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


class TlsFront(Tunnel):
    """Speaks TLS before a server that does not."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._behind = port
        super().__init__(context)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        await self._through(reader, writer, self._behind)


class ConnectProxy(Tunnel):
    """Leads to the port it is asked for, always on loopback. heads: what it was asked. status: what it says."""

    def __init__(self, status: str = "200 Connection established") -> None:
        self.heads: list[str] = []
        self._status = status
        super().__init__()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        self.heads.append(head)
        writer.write(f"HTTP/1.1 {self._status}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        if self._status.startswith("200"):
            port = int(head.split()[1].rpartition(":")[2])
            await self._through(reader, writer, port)


def certified(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for *names*, made anew: the file that has it, and what a server shows it with."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
