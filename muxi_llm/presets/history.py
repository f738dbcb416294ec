"""A registry's releases for those who look after them: which there are, what differs, which is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.presets.errors import ReleaseError
from muxi_llm.presets.publish import ConfigRegistryPublisher
from muxi_llm.presets.release import read_release

if TYPE_CHECKING:
    from pathlib import Path

    from muxi_llm.presets.registry import ConfigRegistryManager


def listed(registry: str | Path) -> list[dict[str, Any]]:
    """Every release, the newest first: `revision`, `active`, `published_at`, `presets`, `signers` (as it
    says), and `error` where it is not what it was published as.
    """
    publisher = ConfigRegistryPublisher(registry)
    active, rows = publisher.active(), []
    for revision in publisher.revisions():
        row: dict[str, Any] = {"revision": revision, "active": revision == active, "published_at": ""}
        row |= {"presets": [], "signers": [], "error": None}
        try:
            release = read_release(publisher.registry, revision)
            row |= {"published_at": release.manifest.published_at, "signers": list(release.signers)}
            row["presets"] = sorted(release.manifest.presets)
        except ReleaseError as error:
            row["error"] = str(error)
        rows.append(row)
    return sorted(rows, key=lambda row: (row["published_at"], row["revision"]), reverse=True)


def releases(registry: ConfigRegistryManager) -> dict[str, Any]:
    """Those of a registry that is served. `is_checked`: whether a policy says who must have signed. `error`:
    why the newest one is not the `active` one.
    """
    served, failed = registry.current(), registry.last_reload_error
    return {
        "registry": str(registry.registry),
        "active": served.revision,
        "is_checked": registry.is_checked,
        "error": None if failed is None else str(failed),
        "data": listed(registry.registry),
    }


def compared(registry: Path, one: str, other: str) -> dict[str, Any]:
    """What is another in *other*: `added`, `removed`, and `changed`, by preset and by path within its config,
    as `[before, after]`; its notes are `body`. Raises `ReleaseError`.
    """
    old, new = _configs(registry, one), _configs(registry, other)
    changed = {}
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name], new[name]
        paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
        if paths:
            changed[name] = {path: [before.get(path), after.get(path)] for path in paths}
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": changed,
    }


def _configs(registry: Path, revision: str) -> dict[str, dict[str, Any]]:
    release = read_release(registry.resolve(), revision)
    presets = {name: release.preset(name) for name in release.manifest.presets}
    return {name: {**_flat(preset.config), "body": preset.body} for name, preset in presets.items()}


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= _flat(item, f"{path}.{name}" if path else name)
    return found


def activate(registry: ConfigRegistryManager, revision: str) -> None:
    """Serve a release that is there: it is served once this returns. Raises `ReleaseError`, and changes
    nothing, for one that is not right, or that this registry is not to serve.
    """
    registry.check(revision)
    ConfigRegistryPublisher(registry.registry).activate(revision)
    registry.reload()
