"""JSON: read within bounds, written canonically (RFC 8785), hashed, and packed for signing (DSSE).

Everything here is bytes in, bytes out. A document's canonical text is `---`, its front matter as canonical
JSON without `integrity` and `signatures`, `---`, and its body without what editors change on their own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

try:
    import rfc8785
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("presets need rfc8785: pip install 'muxi-llm[presets]'") from error

from muxi_llm.presets.errors import MdaError

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON_BYTES = 4 << 20
JSON_PARTS = 50_000
JSON_VALUES = 200_000
"""Bounds of a JSON text: its size, how many objects and lists it may open, how many commas it may have. The
signed root of 5,000 presets has 10,005 and 40,000. They are counted before anything is parsed.
"""
LARGEST = 2**53 - 1
"""The largest whole number that every reader of JSON keeps."""

SEPARATE = ("integrity", "signatures")
"""What a digest is not over: itself, and who has signed it."""

ALGORITHMS = ("sha256", "sha384", "sha512")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
BOUNDARY = b"\n--MDA-FILE-BOUNDARY--\n"
"""Between a document and its sidecar (`MCP-SERVER.md` and its JSON file)."""


# ----------------------------------------------------------------------------------------- reading


def read_json(data: bytes, *, what: str = "this", size: int = JSON_BYTES) -> Any:
    """The value of a JSON text. Raises `MdaError` (`invalid-json`) for one that is none or has a name twice,
    or that is larger than *size* bytes. *what* it is stands in the message.
    """
    parts, values = data.count(b"{") + data.count(b"["), data.count(b",")
    if len(data) > size or parts > JSON_PARTS or values > JSON_VALUES:
        most = f"{size} bytes, {JSON_PARTS} objects and lists, {JSON_VALUES} values"
        raise MdaError("invalid-json", f"{what} is too large: at most {most}")
    try:
        return json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except RecursionError:
        raise MdaError("invalid-json", f"{what} is nested too deep") from None
    except ValueError as error:  # not UTF-8, not JSON, a number of 5,000 digits
        raise MdaError("invalid-json", f"{what} is no JSON: {_place(error)}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two equal names counts differs from reader to reader: what was signed may have neither."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) != float("inf") else _no_number("a number beyond all bounds")


def _place(error: ValueError) -> str:
    """What and where, without the text itself: it may be a key that was taken for a policy."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (line {error.lineno}, column {error.colno})"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:80]


# ----------------------------------------------------------------------------------------- writing


def jcs(value: Any) -> bytes:
    """*value* as canonical JSON (RFC 8785). Raises `MdaError` for what JSON cannot say."""
    try:
        if _is_plain(value):  # a tenth of the time, and a root may be large before anybody has verified it
            text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            return text.encode()
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise MdaError("schema-violation", f"not to be written as canonical JSON: {error}") from None


def _is_plain(value: Any) -> bool:
    """Whether Python's own JSON is canonical: no fractions, and names whose order is nobody's question."""
    left = [value]
    while left:
        item = left.pop()
        if type(item) is dict:
            if not all(type(name) is str and name.isascii() for name in item):
                return False
            left.extend(item.values())
        elif type(item) is list:
            left.extend(item)
        elif type(item) is int:
            if abs(item) > LARGEST:
                return False
        elif item is not None and type(item) not in {str, bool}:
            return False
    return True


def pretty(value: Any) -> str:
    """*value* as the files of a release are written: two spaces, a final newline, names in their order."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def canonical(front: Mapping[str, Any], body: str) -> bytes:
    """The bytes a document's digest is over."""
    kept = {name: value for name, value in front.items() if name not in SEPARATE}
    return b"---\n" + jcs(kept) + b"\n---\n" + plain_body(body).encode()


def plain_body(body: str) -> str:
    """*body* without spaces and tabs at the ends of its lines, and with one newline at its own."""
    lines = (line.rstrip(" \t") for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    text = "\n".join(lines).rstrip("\n")
    return text + "\n" if text else ""


# --------------------------------------------------------------------------------------- digesting


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """`sha256:…`. Raises `MdaError` for an algorithm that is none of `ALGORITHMS`."""
    if algorithm not in ALGORITHMS:
        text = f"integrity.algorithm must be one of {', '.join(ALGORITHMS)}"
        raise MdaError("schema-violation", text, code="integrity.unsupported_algorithm")
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def is_digest(value: object) -> bool:
    """Whether *value* is an algorithm, a colon, and as many hex digits as that algorithm has."""
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def check_integrity(data: bytes, integrity: Mapping[str, Any]) -> None:
    """Raises `MdaError` unless *integrity* (`algorithm`, `digest`) is over *data*."""
    algorithm, said = str(integrity.get("algorithm")), str(integrity.get("digest"))
    found = digest(data, algorithm)
    if not said.startswith(f"{algorithm}:"):
        raise MdaError("schema-violation", "integrity.digest must begin with integrity.algorithm")
    if not hmac.compare_digest(found.encode(), said.encode("utf-8", "replace")):
        raise MdaError(
            "integrity-mismatch", f"Declared digest {said[:140]} does not match recomputed {found}"
        )


# ------------------------------------------------------------------------------------------ signing


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def integrity_payloads(integrity: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """What is signed of a document: as `mda sign` writes it, and as the specification has it (§09-3.1)."""
    bare = {"algorithm": integrity["algorithm"], "digest": integrity["digest"]}
    return jcs({"integrity": bare}), jcs(bare)
