"""What a release is: its files by name and digest, the manifest over them, the signed root over that.

    current.json                      which release is served, and its manifest's digest
    compiled/<revision>/manifest.json      every preset's two files, by digest
    compiled/<revision>/source/<module>/<preset>.mda, resolved/<module>/<preset>.json
    compiled/<revision>/registry-root.json      the digests of all of these, signed

Pure: bytes in, values out, and the other way around. Whatever is read is checked to its last field; what is
wrong is a `ReleaseError` with its code. LLMix's layout, names and messages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from muxi_llm.presets import canonical
from muxi_llm.presets.errors import MdaError, ReleaseError
from muxi_llm.presets.freshness import Mark

POINTER = "current.json"
COMPILED = "compiled"
MANIFEST = "manifest.json"
ROOT = "registry-root.json"
PAYLOAD_TYPE = "application/vnd.snoai.llmix.registry-root+json"

REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
IDENTITY = re.compile(r"(_default|[a-z][a-z0-9_]{0,63})/(_base[a-z0-9_]*|[a-z][a-z0-9_]{0,63})")
HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A preset of a release: its two files, relative to the release, and their digests (SHA-256, hex)."""

    resolved_path: str
    resolved_sha256: str
    source_path: str
    source_sha256: str

    @classmethod
    def of(cls, identity: str, source: bytes, resolved: bytes) -> Entry:
        """The entry of `module/preset`, made of its bytes."""
        return cls(f"resolved/{identity}.json", sha256(resolved), f"source/{identity}.mda", sha256(source))


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`: presets by `module/preset`."""

    revision: str
    published_at: str
    presets: Mapping[str, Entry]

    def written(self) -> bytes:
        """The file's bytes."""
        presets = {
            name: {field: getattr(entry, field) for field in FIELDS} for name, entry in self.presets.items()
        }
        return written(
            {
                "presets": presets,
                "published_at": self.published_at,
                "revision": self.revision,
                "schema_version": 1,
            }
        )

    def files(self) -> dict[str, tuple[str, str]]:
        """Every file of the presets: path below the registry → role and digest."""
        at = f"{COMPILED}/{self.revision}"
        return {
            f"{at}/{path}": (role, digest)
            for entry in self.presets.values()
            for path, role, digest in (
                (entry.resolved_path, "resolved", entry.resolved_sha256),
                (entry.source_path, "source", entry.source_sha256),
            )
        }


@dataclass(frozen=True, slots=True)
class Root:
    """`registry-root.json`, as it was signed. payload_bytes: what the signatures are over."""

    payload: Mapping[str, Any]
    payload_bytes: bytes
    integrity: Mapping[str, str]
    signatures: list[Any]


# ----------------------------------------------------------------------------------------- writing


def written(value: Any) -> bytes:
    """JSON as every file of a release is: names sorted, two spaces, whole numbers without a point."""
    return (json.dumps(_whole(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sha256(data: bytes) -> str:
    """Hex."""
    return hashlib.sha256(data).hexdigest()


def pointer(revision: str, manifest_sha256: str) -> bytes:
    """`current.json` for a release whose manifest has this digest."""
    return written({"manifest_sha256": manifest_sha256, "revision": revision})


def payload_of(manifest: Manifest, data: bytes, pointed: bytes) -> dict[str, Any]:
    """What is signed of a release. data, pointed: the bytes of its manifest and of `current.json`.

    Files are in the order in which JavaScript's `localeCompare` has them: LLMix sorts them anew before it
    hashes.
    """
    revision, digest = manifest.revision, sha256(data)
    return {
        "schema": "llmix.config-registry.root",
        "schema_version": 1,
        "revision": revision,
        "published_at": manifest.published_at,
        "current": {
            "path": POINTER,
            "revision": revision,
            "manifest_sha256": digest,
            "sha256": sha256(pointed),
        },
        "manifest": {"path": f"{COMPILED}/{revision}/{MANIFEST}", "sha256": digest},
        "files": [
            {"path": path, "role": role, "sha256": digest}
            for path, (role, digest) in sorted(manifest.files().items(), key=lambda item: collated(item[0]))
        ],
    }


def collated(path: str) -> tuple[list[int], str]:
    """A key by which names and paths of a release come in the order of JavaScript's `localeCompare`."""
    return [ORDER.index(letter) for letter in path.lower()], path.swapcase()


def envelope(payload: Mapping[str, Any], signatures: list[Any]) -> bytes:
    """`registry-root.json`."""
    digest = sha256(canonical.jcs(payload))
    return written(
        {
            "schema": "llmix.config-registry.root-envelope",
            "schema_version": 1,
            "payload": payload,
            "payload_sha256": digest,
            "integrity": {"algorithm": "sha256", "digest": f"sha256:{digest}"},
            "signatures": signatures,
        }
    )


# ----------------------------------------------------------------------------------------- reading


def read_pointer(data: bytes) -> tuple[str, str | None]:
    """The revision and the manifest's digest, which other writers may have left out."""
    found = _json(data, "pointer-invalid", POINTER)
    digest = found.get("manifest_sha256")
    _demand(
        digest is None or _is_hex(digest), "pointer-invalid", f"{POINTER} has a manifest_sha256 that is none"
    )
    return revision_of(found.get("revision"), "pointer-invalid", POINTER), digest


def read_manifest(data: bytes, revision: str) -> Manifest:
    """The manifest of *revision*."""
    found = _json(data, "manifest-invalid", MANIFEST)

    def demand(condition: bool, what: str) -> None:
        _demand(condition, "manifest-invalid", f"Config Registry manifest of {revision}: {what}")

    demand(found.get("schema_version") == 1, "schema_version must be 1")
    demand(found.get("revision") == revision, "it is another revision's")
    published, presets = found.get("published_at"), found.get("presets") or {}
    demand(isinstance(published, str), "published_at must be a time")
    demand(isinstance(presets, dict) and bool(presets), "presets must be there")
    entries = {}
    for name, said in presets.items():
        demand(IDENTITY.fullmatch(name) is not None, "a preset's name is none")
        demand(isinstance(said, dict) and set(said) == set(FIELDS), f"{name} must have {', '.join(FIELDS)}")
        entry = entries[name] = Entry(**said)
        demand(
            _is_hex(entry.resolved_sha256) and _is_hex(entry.source_sha256),
            f"{name} has a digest that is none",
        )
        own = Entry.of(name, b"", b"")
        paths = (entry.resolved_path, entry.source_path) == (own.resolved_path, own.source_path)
        demand(paths, f"{name} is at another place than its own")
    return Manifest(revision, str(published), entries)


def read_mark(data: bytes) -> Mark:
    """A watermark that was kept."""
    found = _json(data, "watermark-invalid", "the watermark")
    fits = set(found) == MARK and all(isinstance(value, str) for value in found.values())
    _demand(fits, "watermark-invalid", f"the watermark must have {', '.join(sorted(MARK))}, and no more")
    return Mark(**found)


def read_config(data: bytes, identity: str) -> dict[str, Any]:
    """The resolved config of a preset."""
    what = f"the resolved config of {identity}"
    found = _json(data, "config-invalid", what)
    fits = isinstance(found.get("provider"), str) and isinstance(found.get("model"), str)
    _demand(fits, "config-invalid", f"{what} must have a provider and a model")
    return found


def read_root(data: bytes) -> Root:
    """The envelope, its own digests checked; its signatures are not."""
    found = _json(data, "root-invalid", ROOT)

    def demand(condition: bool, what: str) -> None:
        _demand(condition, "root-invalid", f"Registry root: {what}")

    demand(set(found) == ENVELOPE, f"it must have {', '.join(sorted(ENVELOPE))}")
    demand(found["schema"] == "llmix.config-registry.root-envelope", "schema is another one")
    demand(found["schema_version"] == 1, "schema_version must be 1")
    payload, signatures = found["payload"], found["signatures"]
    demand(isinstance(payload, dict), "payload must be an object")
    demand(payload.get("schema") == "llmix.config-registry.root", "payload.schema is another one")
    demand(payload.get("schema_version") == 1, "payload.schema_version must be 1")
    demand(isinstance(signatures, list) and bool(signatures), "signatures must be there")
    signed = next((text for text in _forms(payload) if sha256(text) == found["payload_sha256"]), None)
    demand(signed is not None, "payload_sha256 is not the payload's")
    wanted = {"algorithm": "sha256", "digest": f"sha256:{found['payload_sha256']}"}
    demand(found["integrity"] == wanted, "integrity is not the payload's")
    assert signed is not None
    return Root(payload, signed, wanted, signatures)


def _forms(payload: dict[str, Any]) -> tuple[bytes, bytes]:
    """What may have been hashed: canonical JSON, and of old the pretty form."""
    try:
        return canonical.jcs(payload), written(payload)
    except (MdaError, ValueError) as error:  # half a surrogate pair
        raise ReleaseError("root-invalid", "Registry root: payload cannot be written canonically") from error


def check_bindings(root: Root, manifest: Manifest, data: bytes, pointed: bytes) -> None:
    """Raises `ReleaseError` unless *root* is this release's: revision, pointer, manifest, every file.

    data, pointed: as for `payload_of`.
    """
    own = payload_of(manifest, data, pointed)
    for name, message in BINDINGS.items():
        _demand(root.payload.get(name) == own[name], "binding-mismatch", f"Registry root {message}")
    files = root.payload.get("files")
    listed = isinstance(files, list) and all(isinstance(file, dict) for file in files)
    same = listed and _by_path(files) == _by_path(own["files"])
    _demand(same, "binding-mismatch", "Registry root files are not the manifest's")


def _by_path(files: Any) -> list[Any]:
    return sorted(
        (str(file.get("path")), str(file.get("role")), str(file.get("sha256")), len(file)) for file in files
    )


def check_file(path: str, data: bytes, digest: str) -> None:
    """Raises `ReleaseError` unless *data*, of the file *path*, has this digest."""
    _demand(sha256(data) == digest, "file-digest-mismatch", f"Registry root file digest mismatch: {path}")


def revision_of(value: object, code: str = "revision-invalid", where: str = "revision") -> str:
    """*value*, a revision's name. Raises `ReleaseError` for what is none."""
    fits = isinstance(value, str) and REVISION.fullmatch(value) is not None and ".." not in value
    _demand(fits, code, f"{where}: a revision is letters, digits and . _ : -, at most 128")
    return str(value)


def _json(data: bytes, code: str, what: str) -> dict[str, Any]:
    try:
        found = canonical.read_json(data, what=what)
    except MdaError as error:
        raise ReleaseError(code, error.message) from error
    _demand(isinstance(found, dict), code, f"{what} must be a JSON object")
    return dict(found)


def _demand(condition: bool, code: str, message: str) -> None:
    if not condition:
        raise ReleaseError(code, message)


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and HEX.fullmatch(value) is not None


# ------------------------------------------------------------------------------------------- tables

FIELDS = ("resolved_path", "resolved_sha256", "source_path", "source_sha256")
MARK = {"revision", "published_at", "root_sha256"}
ENVELOPE = {"schema", "schema_version", "payload", "payload_sha256", "integrity", "signatures"}
BINDINGS = {
    "revision": "revision binding mismatch",
    "published_at": "published_at binding mismatch",
    "current": "current binding digest mismatch",
    "manifest": "manifest binding digest mismatch",
}
ORDER = "_-:./0123456789abcdefghijklmnopqrstuvwxyz"
"""ICU's, of the characters there may be in a path of a release."""
