"""A release as it is on the disk: each file read once, checked, and those very bytes used.

Whatever is wrong is a `ReleaseError`; a release that could be read is right to its last byte.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from muxi_llm.presets import files, root, source
from muxi_llm.presets.errors import ConfigNotFoundError, ReleaseError
from muxi_llm.presets.freshness import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from muxi_llm.presets.source import Preset

    Judge = Callable[[root.Root, Mark], None]


@dataclass(slots=True)
class Release:
    """What one revision says. Thread-safe; presets are made of their bytes when they are first asked for."""

    manifest: root.Manifest
    manifest_sha256: str
    root_sha256: str | None
    contents: Mapping[str, bytes] = field(repr=False)
    """By path below the registry."""
    signers: tuple[str, ...] = ()
    """Who has signed, as its root says."""
    _presets: dict[str, Preset] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def revision(self) -> str:
        """Its name."""
        return self.manifest.revision

    def preset(self, identity: str) -> Preset:
        """`module/preset`. Raises `ConfigNotFoundError`."""
        found = self._presets.get(identity)
        return self._made(identity) if found is None else found

    def _made(self, identity: str) -> Preset:
        entry = self.manifest.presets.get(identity)
        if entry is None:
            message = f"Preset not found in active Config Registry revision {self.revision}: {identity}"
            raise ConfigNotFoundError(message)
        module, _, name = identity.partition("/")
        at = f"{root.COMPILED}/{self.revision}"
        made = source.read_preset(self.contents[f"{at}/{entry.source_path}"], module=module, preset=name)
        resolved = root.read_config(self.contents[f"{at}/{entry.resolved_path}"], identity)
        return self._presets.setdefault(identity, made.released(resolved, self.revision))


def read_release(
    registry: Path,
    revision: str,
    *,
    pointed: bytes | None = None,
    digest: str | None = None,
    judge: Judge | None = None,
) -> Release:
    """The release *revision*, whole. Raises `ReleaseError`.

    pointed: the bytes of `current.json`, for the one it names (else those it would have). digest: the
    manifest's, as they have it. judge: is to raise for a signed root that is not to be trusted, and is asked
    before anything the root speaks of is read; with one, there must be a root, and nothing it does not name.
    """
    at = f"{root.COMPILED}/{root.revision_of(revision)}"
    data = files.read(registry, f"{at}/{root.MANIFEST}")
    if digest is not None and root.sha256(data) != digest:
        message = f"Checksum mismatch for Config Registry manifest {at}/{root.MANIFEST}"
        raise ReleaseError("manifest-digest-mismatch", message)
    manifest = root.read_manifest(data, revision)
    demanded = judge is not None or os.path.lexists(registry / at / root.ROOT)
    signed = files.read(registry, f"{at}/{root.ROOT}") if demanded else None
    signers: tuple[str, ...] = ()
    if signed is not None:
        found = root.read_root(signed)
        signers = tuple(str(one["signer"]) for one in found.signatures if "signer" in one)
        if judge is not None:
            judge(found, Mark(revision, manifest.published_at, root.sha256(signed)))
        pointed = pointed or root.pointer(revision, root.sha256(data))
        root.check_bindings(found, manifest, data, pointed)
    contents = {}
    for path, (_, sha256) in manifest.files().items():
        contents[path] = files.read(registry, path)
        root.check_file(path, contents[path], sha256)
    if judge is not None:
        _check_nothing_else(registry, at, contents)
    digest = None if signed is None else root.sha256(signed)
    return Release(manifest, root.sha256(data), digest, contents, signers)


def _check_nothing_else(registry: Path, at: str, contents: Mapping[str, bytes]) -> None:
    extra = files.names(registry, at) - contents.keys() - {f"{at}/{root.MANIFEST}", f"{at}/{root.ROOT}"}
    if extra:
        raise ReleaseError("file-extra", f"Registry root does not name {min(extra)}")
