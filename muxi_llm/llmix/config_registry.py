"""LLMix's names for the registry of presets, its trust manifest, and what there is to ask of releases."""

from __future__ import annotations

import base64
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.presets import canonical, evidence, history, keys, loading, opening, root
from muxi_llm.presets.errors import InvalidConfigError, ReleaseError
from muxi_llm.presets.publish import (
    ConfigRegistryPublisher,
    ConfigRegistryPublishOptions,
    PublishedRevision,
    RegistryRootSigner,
    RegistryRootSigningInput,
    RegistryRootSigningOptions,
)
from muxi_llm.presets.registry import (
    ConfigRegistryManager,
    ConfigRegistryOpenOptions,
    RegistryRootFreshnessInput,
    RegistryRootVerificationOptions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LLMIX_TRUST_MANIFEST_KIND",
    "LLMIX_TRUST_MANIFEST_VERSION",
    "ConfigRegistryManager",
    "ConfigRegistryOpenOptions",
    "ConfigRegistryPublishOptions",
    "ConfigRegistryPublisher",
    "LlmixTrustManifest",
    "LlmixTrustManifestRegistryRoot",
    "LlmixTrustManifestReleasePlan",
    "PublishedRevision",
    "RegistryRootFreshnessInput",
    "RegistryRootSigner",
    "RegistryRootSigningInput",
    "RegistryRootSigningOptions",
    "RegistryRootVerificationOptions",
    "compare_revisions",
    "list_revisions",
    "load_llmix_trust_manifest",
    "parse_llmix_trust_manifest",
    "previous_revision",
    "registry_root_options_from_trust_manifest",
    "root_signer",
    "tampered",
]

LLMIX_TRUST_MANIFEST_KIND = opening.MANIFEST
LLMIX_TRUST_MANIFEST_VERSION = 1


# ------------------------------------------------------------------------------------------ trust manifest


@dataclass(frozen=True, slots=True)
class LlmixTrustManifestRegistryRoot:
    """Which root it was made of."""

    path: str
    revision: str
    published_at: str
    high_watermark: str | None


@dataclass(frozen=True, slots=True)
class LlmixTrustManifestReleasePlan:
    """And which plan."""

    path: str
    source_count: int


@dataclass(frozen=True, slots=True)
class LlmixTrustManifest:
    """A trust manifest. value: as it was read."""

    expected_root_digest: str
    source_set_digest: str
    release_plan_digest: str
    registry_root_trust_policy: Mapping[str, Any]
    rekor_policy: Mapping[str, Any] | None
    minimum_revision: str | None
    minimum_published_at: str | None
    high_watermark: str | None
    registry_root_signer_identity: Mapping[str, Any]
    registry_root: LlmixTrustManifestRegistryRoot
    release_plan: LlmixTrustManifestReleasePlan
    value: Mapping[str, Any]


def load_llmix_trust_manifest(path: str | Path) -> LlmixTrustManifest:
    """The manifest in a file. Raises `InvalidConfigError`, `OSError`."""
    return parse_llmix_trust_manifest(loading.read_values([path], "trust manifest")[0])


def parse_llmix_trust_manifest(value: Any) -> LlmixTrustManifest:
    """A manifest's value. Raises `InvalidConfigError` for what is none."""
    if faults := evidence.manifest_faults(value):
        raise InvalidConfigError("; ".join(text for _, text in faults))
    made, plan = value["registryRoot"], value["releasePlan"]
    return LlmixTrustManifest(
        expected_root_digest=value["expectedRootDigest"],
        source_set_digest=value["sourceSetDigest"],
        release_plan_digest=value["releasePlanDigest"],
        registry_root_trust_policy=value["registryRootTrustPolicy"],
        rekor_policy=value["rekorPolicy"],
        minimum_revision=value["minimumRevision"],
        minimum_published_at=value["minimumPublishedAt"],
        high_watermark=value["highWatermark"],
        registry_root_signer_identity=value["registryRootSignerIdentity"],
        registry_root=LlmixTrustManifestRegistryRoot(
            made["path"], made["revision"], made["publishedAt"], made.get("highWatermark")
        ),
        release_plan=LlmixTrustManifestReleasePlan(plan["path"], plan["sourceCount"]),
        value=value,
    )


def registry_root_options_from_trust_manifest(
    manifest: LlmixTrustManifest, **wanted: Any
) -> RegistryRootVerificationOptions:
    """What is served under *manifest*: its one release. wanted: hooks, and `pin="signer"` for those after it;
    see `muxi_llm.presets.trusting`.
    """
    return opening.trusting(manifest.value, **wanted)


# ---------------------------------------------------------------------------------------------- releases


def root_signer(did: str, key_id: str, pem: bytes) -> RegistryRootSigner:
    """Signs roots as *did* (`did:web:...`), with a private key: Ed25519, P-256 or RSA. Raises `MdaError`."""
    key = keys.private_key(pem)

    def sign(asked: RegistryRootSigningInput) -> Mapping[str, str]:
        signature = keys.sign(key, canonical.pae(asked.payload_type, asked.canonical_payload))
        return {
            "signer": "did-web:" + did.removeprefix("did:web:"),
            "key-id": key_id,
            "algorithm": keys.algorithm_of(key),
            "payload-type": asked.payload_type,
            "payload-digest": asked.integrity["digest"],
            "signature": base64.b64encode(signature).decode(),
        }

    return sign


def list_revisions(registry: str | Path) -> list[dict[str, Any]]:
    """Every release, the newest first: `revision`, `publishedAt`, `signed`, `presetIds`, `active`, and
    `error` where it is not what it was published as.
    """
    return [
        {
            "revision": row["revision"],
            "active": row["active"],
            "publishedAt": row["published_at"],
            "signed": bool(row["signers"]),
            "presetIds": row["presets"],
            "error": row["error"],
        }
        for row in history.listed(registry)
    ]


def previous_revision(registry: str | Path) -> str:
    """The release published before the one that is served. Raises `ReleaseError` if there is none."""
    rows = [row for row in list_revisions(registry) if not row["error"]]
    at = next((at for at, row in enumerate(rows, 1) if row["active"]), len(rows))
    if at >= len(rows):
        raise ReleaseError("no-previous", "there is no release before the one that is served; --to names one")
    return str(rows[at]["revision"])


def compare_revisions(registry: str | Path, one: str, other: str) -> dict[str, Any]:
    """What is another in *other*: `added`, `removed`, and `changed`, by preset and by path within its config,
    as `[before, after]`; its notes are `body`.
    """
    return {"from": one, "to": other, **history.compared(Path(registry), one, other)}


def tampered(registry: str | Path, revision: str, **wanted: Any) -> str:
    """What is said of a copy of the registry with one byte more in it. wanted: as for `presets.open`.

    Raises `ReleaseError` if it is served.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "registry"
        shutil.copytree(registry, copy, symlinks=True, ignore=shutil.ignore_patterns(".staging"))
        with min((copy / root.COMPILED / revision / "resolved").rglob("*.json")).open("ab") as file:
            file.write(b"\n")
        try:
            opening.open(copy, **wanted)
        except ReleaseError as error:
            return str(error)
    raise ReleaseError("tamper-proof", "tamper proof failed: modified registry content was accepted")
