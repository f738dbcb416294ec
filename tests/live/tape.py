"""Cassettes: what a service said, kept as YAML by vcrpy, without what is nobody's business."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr

from muxi_llm import config
from muxi_llm.providers.base import Provider
from tests.live.scenarios import Subject

CASSETTES = Path(__file__).parents[1] / "cassettes" / "live"
FACTS = "live.json"
"""Beside a provider's cassettes: the models that were asked, and the path of its base URL."""

SCRUBBED = "scrubbed"


def tape(
    folder: Path, scenario: str, provider: str, *, secrets: Sequence[str] = (), record: bool = False
) -> AbstractContextManager[Any]:
    """Record what httpx2 sends and gets while this is open, or answer from the record, network off."""

    def scrub(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, SCRUBBED)
        return ACCOUNTS.sub(SCRUBBED, text)

    def request_kept(request: Any) -> Any:
        url = urlsplit(scrub(request.uri))
        request.uri = url._replace(scheme="https", netloc=f"{provider}.test").geturl()
        request.headers = {name: value for name, value in request.headers.items() if name.lower() in KEPT}
        return request

    def response_kept(response: Any) -> Any:
        headers = {name: values for name, values in response["headers"].items() if name.lower() in KEPT}
        return {**response, "headers": headers, "body": {"string": body_kept(response["body"]["string"])}}

    def body_kept(body: bytes) -> bytes:
        try:
            return scrub(body.decode()).encode()
        except UnicodeDecodeError:  # frames with lengths and checksums: as they are, or not at all
            assert not any(secret.encode() in body for secret in secrets), "a secret in a binary answer"
            return body

    recorder = vcr.VCR(
        record_mode=vcr.mode.ALL if record else vcr.mode.NONE,
        match_on=("method", "path", "query", "body"),
        before_record_request=request_kept,
        before_record_response=response_kept,
        decode_compressed_response=True,
    )
    return recorder.use_cassette(str(folder / f"{scenario}.yaml"))


def secrets_of(kind: type[Provider]) -> list[str]:
    """What must not be kept: the key, and what else is set for this provider."""
    found = config.credentials(kind)
    values = [found.api_key, *found.settings.values(), *found.headers.values()]
    return [value for value in values if value and len(value) >= 6]


def leaks(folder: Path, secrets: Sequence[str]) -> list[str]:
    """The cassettes that hold a secret all the same, or a token somebody could use."""
    tapes = {path.name: path.read_text() for path in sorted(folder.glob("*.yaml"))}
    return [name for name, text in tapes.items() if TOKENS.search(text) or any(s in text for s in secrets)]


def keep_facts(folder: Path, subject: Subject, base_url: str, secrets: Sequence[str]) -> None:
    """Write down what a replay must know."""
    path = urlsplit(base_url).path
    for secret in secrets:
        path = path.replace(secret, SCRUBBED)
    (folder / FACTS).write_text(json.dumps({**asdict(subject), "path": path}, indent=2) + "\n")


def kept(folder: Path) -> tuple[Subject, str]:
    """Who was asked, and a base URL of the same path."""
    facts = json.loads((folder / FACTS).read_text())
    path = facts.pop("path")
    return Subject(**facts), f"https://{facts['provider']}.test{path}"


# ------------------------------------------------------------------------------------------ tables

KEPT = {"content-type", "accept", "anthropic-version", "retry-after"}
"""Headers that tell something of the wire. All others may tell something of who asked."""

ACCOUNTS = re.compile(r"\b(?:org|proj|user|acct|req)[-_][A-Za-z0-9]{8,}\b")
"""Names of accounts and requests, as services put them into their messages."""

TOKENS = re.compile(
    r"access_token|assertion=|authorization|x-api-key|set-cookie|sk-[A-Za-z0-9-]{20,}", re.IGNORECASE
)
"""What no cassette may hold."""
