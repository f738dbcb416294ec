"""Loading a preset from its file, as strictly as is asked: the shell around `source`, `trust`, `network`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.presets import canonical, did_web, network, sigstore, source, trust
from muxi_llm.presets.errors import ConfigAccessError, ConfigNotFoundError, MdaError, SecurityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.presets.source import Preset


@dataclass(frozen=True)
class LoadOptions:
    """What is demanded of a preset, by LLMix's names.

    verify_integrity: that its digest is there and right. verify_signatures: that signers whom *trust_policy*
    names have signed it; the hooks say so (`did_web`: LLMix's, or this package's `DidWebVerifier`).
    trusted_runtime: both. enforce_requires: that *allowed_networks* (hosts; `*` is a label, or all) has what
    `requires.network` names. strict: that upstream's tools would take it, too.
    """

    verify_integrity: bool = False
    verify_signatures: bool = False
    trusted_runtime: bool = False
    enforce_requires: bool = False
    allowed_networks: Sequence[str] | None = None
    trust_policy: Mapping[str, Any] | None = None
    rekor_client: sigstore.RekorClient | None = None
    sigstore_verifier: sigstore.SigstoreVerifier | None = None
    did_web_verifier: trust.DidWebHook | None = None
    strict: bool = False

    def checkers(self) -> trust.Checkers:
        """What there is to check signatures with."""
        found: trust.Checkers = {}
        if self.did_web_verifier is not None:
            found["did-web"] = trust.DidWebChecker(self.did_web_verifier)
        if self.rekor_client is not None and self.sigstore_verifier is not None:
            found["sigstore-oidc"] = sigstore.SigstoreChecker(self.rekor_client, self.sigstore_verifier)
        return found


def load(path: str | Path, options: LoadOptions | None = None, **more: Any) -> Preset:
    """The preset in the file *path*, its Markdown body included; *more* are `LoadOptions`' fields.

    Raises `InvalidConfigError` (an `MdaError` with its `category`), `ConfigNotFoundError`,
    `ConfigAccessError`; `SecurityError` for a link that leads out of its folder.
    """
    return load_as(path, options or LoadOptions(**more))


def load_as(
    path: str | Path, options: LoadOptions, *, module: str | None = None, preset: str | None = None
) -> Preset:
    """The preset in the file *path*, which must be that *module*'s and *preset*, or say nothing of it."""
    place = Path(path).expanduser()
    try:
        return checked(read_source(place), options, module=module, preset=preset)
    except MdaError as error:
        raise error.at(str(place)) from error


def read_source(place: Path) -> bytes:
    """A `.mda` file's bytes, at most `SOURCE_BYTES` and one."""
    if place.suffix != ".mda":
        raise MdaError("schema-violation", "presets are .mda files; .yaml and .yml are no longer supported")
    inside(place, place.parent)
    try:
        return read_bytes(place, source.SOURCE_BYTES)
    except FileNotFoundError:
        raise ConfigNotFoundError(f"Config file not found: {place}") from None
    except OSError as error:
        raise ConfigAccessError(f"Config file cannot be read: {place} ({error.strerror})") from error


def inside(place: Path, folder: Path) -> None:
    """Raises `SecurityError` for a *place* that is elsewhere than in *folder*, once links are followed."""
    if not place.resolve().is_relative_to(folder.resolve()):
        raise SecurityError(f"Path traversal detected: {place} is outside {folder}")


def checked(
    data: bytes, options: LoadOptions, *, module: str | None = None, preset: str | None = None
) -> Preset:
    """The preset in a file's bytes, with all that *options* demand. Raises `MdaError`; touches no disk."""
    found = source.document(data)
    signed = options.verify_signatures or options.trusted_runtime
    policy = trust.check_policy(options.trust_policy) if signed else {}
    warnings = source.check(found, strict=options.strict)
    integrity, signatures = found.front.get("integrity"), found.front.get("signatures")
    if signed or options.verify_integrity:
        if integrity is None:
            raise MdaError("missing-required-integrity", "the document has no integrity")
        canonical.check_integrity(found.canonical, integrity)
    if signed:
        if not signatures:
            raise MdaError("missing-required-signature", "the document has no signatures")
        trust.verify(signatures, integrity or {}, policy, options.checkers())
    if options.enforce_requires:
        network.check_allowed(
            (found.front.get("requires") or {}).get("network"), options.allowed_networks or ()
        )
    return source.preset_of(found, module=module, preset=preset, warnings=warnings)


def read_values(paths: Sequence[str | Path], what: str) -> list[Any]:
    """The values of JSON files. Raises `MdaError` (`invalid-json`), `OSError`."""
    return [
        canonical.read_json(read_bytes(path, canonical.JSON_BYTES), what=f"{what} {path}") for path in paths
    ]


def read_bytes(path: str | Path, most: int) -> bytes:
    """A file's bytes, but of what is larger than *most* only as much as shows that. Raises `OSError`."""
    with Path(path).open("rb") as file:
        return file.read(most + 1)


def did_web_files(paths: Sequence[str | Path]) -> did_web.DidWebVerifier:
    """A verifier over DID documents in files, by this machine's clock."""
    return did_web.DidWebVerifier(read_values(paths, "DID document"), time.time)
