"""Making a release: from `source/` to `compiled/<revision>` and `current.json`, whole or not at all.

    staging/…  ──rename──►  compiled/<revision>  ──replace──►  current.json
    all flushed             flushed: it is there               flushed: it is served

Theory: everything is decided in memory, then written once. Up to the rename there is nothing, after it there
is a release nobody is pointed to, and the pointer is replaced in one step. One publisher at a time has the
lock; without one, the rename itself lets one win. What a killed one left in staging the next takes away.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from muxi_llm.presets import canonical, files, root, source
from muxi_llm.presets.errors import ConfigNotFoundError, InvalidConfigError, ReleaseError
from muxi_llm.presets.release import Release, read_release

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from muxi_llm.presets.source import Preset

    Signature = Mapping[str, Any]

RegistryRootSigner: TypeAlias = "Callable[[RegistryRootSigningInput], Signature | Sequence[Signature]]"

STAGING = f"{root.COMPILED}/.staging"
_numbers = count()


@dataclass(frozen=True, slots=True)
class RegistryRootSigningInput:
    """What a signer gets: the payload, its canonical bytes, their digest, and the type to sign them as."""

    payload: Mapping[str, Any]
    canonical_payload: bytes
    integrity: Mapping[str, str]
    payload_type: str
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class RegistryRootSigningOptions:
    """Who signs. signer: gives one entry of `signatures`, or several. min_signatures: it must give."""

    signer: RegistryRootSigner
    min_signatures: int = 1


@dataclass(frozen=True, slots=True)
class ConfigRegistryPublishOptions:
    """How it is published.

    signed_root: who signs, `None` for a release without a root. load: from `module/preset` and a source's
    bytes to a preset, with whatever checks; it raises for what is not to be published. sources: by
    `module/preset`, or their folder, by default the registry's own. published_at: ISO 8601, by default now.
    """

    signed_root: RegistryRootSigningOptions | None = None
    load: Callable[[str, bytes], Preset] | None = None
    sources: Mapping[str, bytes] | str | Path | None = None
    published_at: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedRevision:
    """What came of it. created: whether it was not there before. Paths are absolute."""

    revision: str
    compiled_path: str
    manifest_path: str
    manifest_sha256: str
    activated: bool
    registry_root_path: str | None
    registry_root_sha256: str | None
    preset_ids: tuple[str, ...]
    created: bool = True


class ConfigRegistryPublisher:
    """Publishes into a registry's folder. Its methods raise `ReleaseError`, `InvalidConfigError` and
    `ConfigNotFoundError` (nothing to publish) before anything is changed, and `OSError`.
    """

    def __init__(self, registry: str | Path, *, disk: files.Disk = files.DISK) -> None:
        self.registry = Path(registry).resolve()
        self._disk = disk

    def publish(
        self,
        revision: str | None = None,
        activate: bool = True,
        options: ConfigRegistryPublishOptions | None = None,
    ) -> PublishedRevision:
        """Publish what is in `source/`, and serve it unless *activate* is off.

        revision: its name, by default made of the time and the sources. One that is there already is taken
        as it is if it is the same, else refused.
        """
        wanted = options or ConfigRegistryPublishOptions()
        sources = wanted.sources
        if not isinstance(sources, Mapping):
            sources = discover(Path(sources or self.registry / "source"))
        contents = {name: (data, _resolved(name, data, wanted)) for name, data in sources.items()}
        now = datetime.now(UTC)
        revision = root.revision_of(revision or _automatic(sources, now))
        published = wanted.published_at or now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entries = {name: root.Entry.of(name, *pair) for name, pair in contents.items()}
        manifest = root.Manifest(revision, published, entries)
        files.folders(self.registry / STAGING, self._disk)
        with files.locked(self.registry / STAGING / "lock"):
            self._sweep()
            created = not os.path.lexists(self.registry / root.COMPILED / revision)
            if created:
                created = self._commit(manifest, contents, wanted.signed_root)
            release = self._published(manifest, signed=wanted.signed_root is not None)
            if activate:
                self._point(release)
        return self._told(release, activated=activate, created=created)

    def activate(self, revision: str) -> PublishedRevision:
        """Serve a release that is there. Raises `ReleaseError` for one that is not as it was published."""
        with files.locked(self.registry / STAGING / "lock"):
            release = read_release(self.registry, revision)
            self._point(release)
        return self._told(release, activated=True, created=False)

    def revisions(self) -> list[str]:
        """The releases there are, by name: those that are served, were, or could be."""
        compiled = self.registry / root.COMPILED
        found = compiled.iterdir() if compiled.is_dir() else ()
        return sorted(path.name for path in found if root.REVISION.fullmatch(path.name) and path.is_dir())

    def collect(self, keep: int) -> list[str]:
        """Take away all releases but the *keep* newest by their time, the one that is served, and those that
        cannot be read; which they were. Who serves one of them goes on: it is in memory.
        """
        with files.locked(self.registry / STAGING / "lock"):
            served = self.active()
            dated = []
            for revision in self.revisions():
                try:
                    data = files.read(self.registry, f"{root.COMPILED}/{revision}/{root.MANIFEST}")
                    dated.append((root.read_manifest(data, revision).published_at, revision))
                except ReleaseError:
                    continue
            gone = [revision for _, revision in sorted(dated, reverse=True)[keep:] if revision != served]
            for revision in gone:
                # In one step: nobody shall find half of it.
                self._disk.rename(self.registry / root.COMPILED / revision, self._staged(revision))
            self._disk.flush(self.registry / root.COMPILED)
            self._sweep()
        return gone

    def active(self) -> str | None:
        """The revision that is served, `None` before the first."""
        is_there = os.path.lexists(self.registry / root.POINTER)
        return root.read_pointer(files.read(self.registry, root.POINTER))[0] if is_there else None

    def _commit(
        self,
        manifest: root.Manifest,
        contents: Mapping[str, tuple[bytes, bytes]],
        signing: RegistryRootSigningOptions | None,
    ) -> bool:
        """Write it and give it its name; whether it was us who did."""
        data = manifest.written()
        made = {root.MANIFEST: data}
        for name, entry in manifest.presets.items():
            made[entry.source_path], made[entry.resolved_path] = contents[name]
        if signing is not None:
            payload = root.payload_of(manifest, data, root.pointer(manifest.revision, root.sha256(data)))
            made[root.ROOT] = root.envelope(payload, _signatures(payload, signing))
        staged = self._staged(manifest.revision)
        try:
            files.plant(staged, made, self._disk)
            self._disk.rename(staged, self.registry / root.COMPILED / manifest.revision)
        except OSError:
            if staged.is_dir():
                self._disk.remove(staged)
            if os.path.lexists(self.registry / root.COMPILED / manifest.revision):  # another one was faster
                return False
            raise
        self._disk.flush(self.registry / root.COMPILED)
        return True

    def _published(self, manifest: root.Manifest, *, signed: bool) -> Release:
        """What is there by that name, which must be what was to be published."""
        release = read_release(self.registry, manifest.revision)
        if release.manifest.presets != manifest.presets or (release.root_sha256 is not None) != signed:
            message = f"Registry revision already exists with different contents: {manifest.revision}"
            raise ReleaseError("revision-exists", message)
        return release

    def _point(self, release: Release) -> None:
        pointed = root.pointer(release.revision, release.manifest_sha256)
        files.replace(self.registry / root.POINTER, pointed, self._disk)

    def _staged(self, revision: str) -> Path:
        return self.registry / STAGING / f"{revision}.{os.getpid()}.{next(_numbers)}.tmp"

    def _sweep(self) -> None:
        """Take away what others began and did not end: the lock says that there are no others."""
        for path in (*(self.registry / STAGING).glob("*.tmp"), *self.registry.glob(f".{root.POINTER}.*.tmp")):
            self._disk.remove(path)

    def _told(self, release: Release, *, activated: bool, created: bool) -> PublishedRevision:
        at, signed = f"{self.registry}/{root.COMPILED}/{release.revision}", release.root_sha256
        compiled = at, f"{at}/{root.MANIFEST}", release.manifest_sha256
        presets, root_path = tuple(sorted(release.manifest.presets)), signed and f"{at}/{root.ROOT}"
        return PublishedRevision(release.revision, *compiled, activated, root_path, signed, presets, created)


def discover(folder: Path) -> dict[str, bytes]:
    """The sources: `module/preset` → bytes, each read once. What is no `.mda` file is passed over."""
    found = {}
    for module in sorted(folder.iterdir()) if folder.is_dir() else ():
        for path in sorted(module.iterdir()) if module.is_dir() else ():
            if path.suffix in {".yaml", ".yml"}:
                raise InvalidConfigError(
                    f"presets are .mda files, not {path.suffix}: {module.name}/{path.name}"
                )
            if path.suffix == ".mda":
                source.check_name("module", module.name)
                source.check_name("preset", path.stem)
                found[f"{module.name}/{path.stem}"] = files.read(folder, f"{module.name}/{path.name}")
    if not found:
        raise ConfigNotFoundError(f"there is no preset in {folder}: it has <module>/<preset>.mda")
    return found


def _resolved(name: str, data: bytes, options: ConfigRegistryPublishOptions) -> bytes:
    module, _, preset = name.partition("/")
    made = (
        options.load(name, data) if options.load else source.read_preset(data, module=module, preset=preset)
    )
    return root.written(made.config)


def _automatic(sources: Mapping[str, bytes], now: datetime) -> str:
    """LLMix's: the time, and 8 digits of what it is made of."""
    digest = sha256(b"".join(b"%b.mda\0%b\0" % (name.encode(), data) for name, data in sources.items()))
    return f"{now:%Y-%m-%dT%H-%M-%SZ}_{digest.hexdigest()[:8]}"


def _signatures(payload: Mapping[str, Any], signing: RegistryRootSigningOptions) -> list[Signature]:
    data = canonical.jcs(payload)
    digest = root.sha256(data)
    integrity = {"algorithm": "sha256", "digest": f"sha256:{digest}"}
    given = signing.signer(RegistryRootSigningInput(payload, data, integrity, root.PAYLOAD_TYPE, digest))
    found: list[Any] = [given] if hasattr(given, "keys") else list(given)
    if len(found) < signing.min_signatures:
        raise InvalidConfigError(f"the signer gave {len(found)} signatures of {signing.min_signatures}")
    return found
