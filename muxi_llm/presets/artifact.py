"""Documents for `mda`: what is wrong with one, and its canonical bytes. `source` has those for loading.

A document is an artifact of a kind: an `.mda` source, or one of the Markdown files that MDA's tools make of
it. Beside its schema, footnotes that are relationships, signatures' digests and LLMix's part are looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from muxi_llm.presets import canonical, schema, source
from muxi_llm.presets.errors import MdaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.presets.schema import Kind

KINDS: dict[str, Kind] = {
    "source": "source",
    "SKILL.md": "SKILL.md",
    "AGENTS.md": "AGENTS.md",
    "MCP-SERVER.md": "MCP-SERVER.md",
}
FOOTNOTE = re.compile(r"^\[\^[^\]\n]{1,200}\]:[ \t]*(\{[^\n]*\})[ \t]*$", re.MULTILINE)
FOOTNOTES = 100


def faults(data: bytes, kind: Kind, *, strict: bool = False) -> tuple[list[MdaError], tuple[str, ...]]:
    """What is wrong with an artifact, and what only upstream would refuse (and *strict* does as well)."""
    try:
        parts = source.split(data)
        if parts.front is None and kind == "AGENTS.md":  # may do without front matter, not without a body
            missing = MdaError("missing-required-body", "AGENTS.md requires front matter or a body")
            return [] if parts.body.strip() else [missing], ()
        found = source.document(data)
    except MdaError as error:
        return [error], ()
    errors: list[MdaError] = []
    warnings: tuple[str, ...] = ()
    try:
        warnings = source.check(found, kind, strict=strict)
    except MdaError as error:
        errors.append(error)
    said = source.namespace(found.front) if kind == "source" else None
    errors += _relationships(f"{found.parts.front}\n{found.body}")
    errors += [
        MdaError("project-schema-violation", str(fault), code=code)
        for code, fault in schema.namespace_faults(said or {}, "llmix")
        if said is not None
    ]
    return errors, warnings


def _relationships(text: str) -> Iterator[MdaError]:
    notes = [note[1] for note, _ in zip(FOOTNOTE.finditer(text), range(FOOTNOTES + 1), strict=False)]
    if len(notes) > FOOTNOTES:
        yield MdaError("schema-violation", f"more than {FOOTNOTES} footnotes are relationships")
    for note in notes[:FOOTNOTES]:
        try:
            value = canonical.read_json(note.encode(), what="a relationship's footnote", size=10_000)
        except MdaError as error:
            code = "schema.relationship_footnote_json_parse"
            yield MdaError("schema-violation", error.message, code=code)
            continue
        if wrong := schema.faults(value, "relationship"):
            yield MdaError("schema-violation", "; ".join(map(str, wrong)), faults=wrong)


def canonical_bytes(data: bytes, kind: Kind, sidecar: bytes | None = None) -> bytes:
    """What an artifact's digest is over. Raises `MdaError`. sidecar: the JSON file of `MCP-SERVER.md`."""
    if kind != "MCP-SERVER.md":
        return source.document(data).canonical
    if sidecar is None:
        raise MdaError("missing-required-sidecar", "MCP-SERVER.md canonicalization requires --sidecar <path>")
    value: Any = canonical.read_json(sidecar, what="the sidecar")
    return source.document(data).canonical + canonical.BOUNDARY + canonical.jcs(value)


def declared(front: dict[str, Any]) -> dict[str, str]:
    """A front matter's `integrity`, if it has one. Raises `MdaError` (`missing-required-integrity`)."""
    found = front.get("integrity")
    names = "algorithm", "digest"
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in names):
        raise MdaError("missing-required-integrity", "Artifact has no declared integrity")
    return found


def check_integrity(data: bytes, kind: Kind, sidecar: bytes | None = None) -> dict[str, str]:
    """An artifact's `integrity`. Raises `MdaError` unless it is there, and right."""
    text, found = canonical_bytes(data, kind, sidecar), declared(source.document(data).front)
    canonical.check_integrity(text, found)
    return found
