"""What is kept at one provider for many: by sealed ids, and each owner's marked as theirs.

The mark is in a file's name and in a batch's metadata, which providers tell again; owners do not see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.stored.content import AsyncFileContent
from muxi_llm.types.stored import Batch, BatchPage, FileObject, FilePage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.stored.seals import Kind, Seal
    from muxi_llm.wire.base import Endpoint, Json


def mark(endpoint: Endpoint, seal: Seal, given: Json) -> None:
    """Put the owner's mark on what is made, in place."""
    if endpoint == "file.create":
        name, *rest = given["file"]
        given["file"] = (seal.mark + name, *rest)
    elif endpoint == "batch.create" and given["provider"] in MARKING:
        given["metadata"] = {**(given.get("metadata") or {}), OWNER: seal.mark}


def is_own(seal: Seal, one: FileObject | Batch) -> bool:
    """Whether *one* has the owner's mark."""
    if isinstance(one, FileObject):
        return (one.filename or "").startswith(seal.mark)
    return (one.metadata or {}).get(OWNER) == seal.mark


async def own_page(page: Any, seal: Seal, given: Json) -> Any:
    """A page of the owner's own, found among everybody's; of the latest `PAGES` times `PAGE` alone.

    page: asks for one of the provider's.
    """
    limit, after, found = given.get("limit", PAGE), given.get("after"), []
    more = True
    for _ in range(PAGES):
        said = await page(limit=PAGE, **({"after": after} if after else {}))
        found += [one for one in said.data if is_own(seal, one)]
        more = bool(said.has_more and said.data)
        if not more or len(found) > limit:
            break
        after = said.data[-1].id
    said.data, said.has_more = found[:limit], more or len(found) > limit
    return said


def sealed(seal: Seal, value: Any) -> Any:
    """*value* by the ids its owner knows, changed in place."""
    if isinstance(value, AsyncFileContent):
        return value
    for one in value.data if isinstance(value, FilePage | BatchPage) else (value,):
        for name, kind in _ids_of(one):
            if said := getattr(one, name, None):
                setattr(one, name, seal.closed(kind, said))
        if isinstance(one, FileObject):
            one.filename = (one.filename or "").removeprefix(seal.mark)
        elif isinstance(one, Batch) and one.metadata:
            one.metadata = {key: said for key, said in one.metadata.items() if key != OWNER} or None
    return value


def _ids_of(one: Any) -> Iterator[tuple[str, Kind]]:
    if not isinstance(one, Batch):
        yield "id", "file"
        return
    yield "id", "batch"
    for name in ("input_file_id", "output_file_id", "error_file_id"):
        yield name, "file"


MARKING = {"openai", "azure", "groq", "mistral"}
"""Providers that tell a batch's metadata again."""
OWNER = "muxi_owner"
PAGE, PAGES = 100, 50
