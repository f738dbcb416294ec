"""Ids of files and batches as clients see them: sealed, so that each holds for who it was given to alone.

    file-mx-<base64url of MAC, provider, NUL, id there>        batch_mx_... likewise

The MAC is over the kind, the owner, the provider and the id. So no database is needed to know whose a file
is, on any worker or machine with the same configuration; whoever makes up an id, or has heard of another's,
is told that there is no such thing. What is listed has the owner's `mark`, by which it is told from others'.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Literal, NamedTuple

Kind = Literal["file", "batch"]


class Seal(NamedTuple):
    """What seals the ids of one owner at one provider."""

    secret: bytes
    owner: str
    place: str
    """The provider, as it is configured."""

    def closed(self, kind: Kind, given: str) -> str:
        """*given*, an id of the provider's, as the owner sees it."""
        told = f"{self.place}\0{given}".encode()
        sealed = urlsafe_b64encode(self._mac(kind, told) + told).rstrip(b"=").decode()
        return BEGINS[kind] + sealed

    def opened(self, kind: Kind, given: str) -> str | None:
        """The provider's own id; `None` for one that was not given to that owner."""
        taken = _taken_apart(kind, given)
        if taken is None or not hmac.compare_digest(taken[0], self._mac(kind, taken[1])):
            return None
        place, _, found = taken[1].decode("utf-8", "replace").partition("\0")
        return found if place == self.place else None

    @property
    def mark(self) -> str:
        """What the owner's files and batches are known by at the provider."""
        return f"mx-{self._mac('mark', b'').hex()[:16]}-"

    def _mac(self, kind: str, told: bytes) -> bytes:
        said = f"{kind}\0{self.owner}\0{self.place}\0".encode() + told
        return hmac.digest(self.secret, said, sha256)[:MAC]


def place_of(kind: Kind, given: str) -> str | None:
    """The provider that *given* names, which anybody may have written; `None` for what is no id of ours."""
    taken = _taken_apart(kind, given)
    return None if taken is None else taken[1].partition(b"\0")[0].decode("utf-8", "replace")


def _taken_apart(kind: Kind, given: str) -> tuple[bytes, bytes] | None:
    begin = BEGINS[kind]
    text = given.removeprefix(begin)
    if text == given or not text.isascii():
        return None
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return (data[:MAC], data[MAC:]) if urlsafe_b64encode(data).decode().rstrip("=") == text else None


BEGINS: dict[Kind, str] = {"file": "file-mx-", "batch": "batch_mx_"}
MAC = 12
"""Bytes: 96 bits, which nobody guesses by asking."""
