"""Opening a registry with trust in somebody, from the files a release comes with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from muxi_llm.presets import evidence
from muxi_llm.presets.errors import SecurityError
from muxi_llm.presets.freshness import is_older
from muxi_llm.presets.loading import did_web_files, read_values
from muxi_llm.presets.registry import (
    ConfigRegistryManager,
    ConfigRegistryOpenOptions,
    RegistryRootVerificationOptions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MANIFEST = "llmix-trust-manifest"


def open(  # noqa: A001 - `presets.open`
    registry: str | Path, *, trust: str | Path | Mapping[str, Any] | None = None, **wanted: Any
) -> ConfigRegistryManager:
    """The registry in a folder, served: what `muxi_llm.config.presets` may be set to.

    trust: the file of a trust manifest or of a trust policy, or its value; without it whatever is in the
    folder is served. wanted: see `trusting`. Raises `ReleaseError` if its release is not right, and
    `SecurityError` for a *trust* that is in the folder it is to be held against.
    """
    if trust is None:
        return ConfigRegistryManager.open(registry)
    if not isinstance(trust, Mapping):
        outside(registry, trust)
    return ConfigRegistryManager.open(registry, ConfigRegistryOpenOptions(trusting(trust, **wanted)))


def outside(registry: str | Path, anchor: str | Path) -> None:
    """Raises `SecurityError` for a trust anchor within the registry: who can change the one has the other."""
    if Path(anchor).resolve().is_relative_to(Path(registry).resolve()):
        raise SecurityError(f"trust anchor must be outside the registry root: {anchor}")


def trusting(
    trust: str | Path | Mapping[str, Any],
    *,
    did_documents: Sequence[str | Path] = (),
    pin: Literal["digest", "signer"] | None = None,
    **wanted: Any,
) -> RegistryRootVerificationOptions:
    """Which releases *trust*, a manifest or a policy, stands for. Raises `LLMConfigError`, `OSError`.

    did_documents: files with the keys of the policy's domains. pin: by `digest` a manifest is for its one
    release alone (the default, as in LLMix); by `signer` it is for every release that its policy's signers
    sign, from its revision on, and a policy always is. wanted: `minimum_revision`, `watermark`, hooks and the
    rest of `RegistryRootVerificationOptions`.
    """
    said = trust if isinstance(trust, Mapping) else read_values([trust], "trust")[0]
    if not isinstance(said, Mapping):
        raise SecurityError("trust must be a trust manifest or a trust policy")
    if did_documents:
        wanted["did_web_verifier"] = did_web_files(did_documents)
    if said.get("kind") != MANIFEST:
        return RegistryRootVerificationOptions(trust_policy=said, **wanted)
    if faults := evidence.manifest_faults(said):
        raise SecurityError("; ".join(text for _, text in faults))
    for revision in (said["minimumRevision"], said["highWatermark"]):
        least = wanted.get("minimum_revision")
        if revision is not None and (least is None or is_older(least, revision)):
            wanted["minimum_revision"] = revision
    wanted.setdefault("minimum_published_at", said["minimumPublishedAt"])
    if pin != "signer":
        wanted["expected_root_digest"] = said["expectedRootDigest"]
    return RegistryRootVerificationOptions(trust_policy=said["registryRootTrustPolicy"], **wanted)
