"""A release's papers: the plan made before it is published, and the trust manifest made after.

Both are values here, which others write and read. What does not fit is a list of faults: `mda`'s code, and
what is wrong.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from muxi_llm.presets import canonical, root, schema
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.schemas import CHECKLIST, DATE_TIME, NAMED, PLANNED, PUBLISH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from muxi_llm.presets.source import Document
    from muxi_llm.presets.trust import Identity

Value = dict[str, Any]
Faults = list[tuple[str, str]]


# --------------------------------------------------------------------------------------------- plan


def plan_source(name: tuple[str, str], path: str, data: bytes, found: Document, signer: Identity) -> Value:
    """A source in a plan. name: module and preset. data: the file, *found* as a document."""
    identity = "/".join(name)
    return {
        "module": name[0], "preset": name[1], "sourcePath": path, "rawSourceDigest": canonical.digest(data),
        "canonicalSourceDigest": found.digest(), "signaturePayloadDigest": signer.payload_digest,
        "signerIdentity": signer.as_json(), "expectedRegistryEntryIdentity": identity,
        "expectedRegistryEntryPath": f"{identity}.json",
    }  # fmt: skip


def plan(source_dir: str, registry_dir: str, policy: str, sources: Iterable[Value]) -> Value:
    """The plan of a release: the same for the same sources, whenever it is made."""
    ordered = sorted(sources, key=lambda each: root.collated(each["expectedRegistryEntryIdentity"]))
    counted = [{**step, "count": len(ordered)} if step["ok"] else step for step in CHECKLIST]
    return {
        "version": 1, "kind": "llmix-release-plan", "sourceDir": source_dir, "registryDir": registry_dir,
        "policy": policy, "sourceSetDigest": canonical.digest(canonical.jcs({"sources": ordered})),
        "sources": ordered, "checklist": counted, "publish": PUBLISH,
    }  # fmt: skip


def _listed(value: Any, name: str, wanted: Mapping[str, re.Pattern[str]]) -> tuple[Value, list[Value], bool]:
    """A paper without its long list, the list, and whether its entries are what is *wanted*."""
    found = value.get(name) if isinstance(value, dict) else None
    entries = found if isinstance(found, list) else []
    is_right = all(
        isinstance(each, dict) and isinstance(each.get(key), str) and rule.fullmatch(each[key])
        for each in entries
        for key, rule in wanted.items()
    )
    return {**value, name: []} if found is entries else value, entries, is_right


def plan_faults(value: Any) -> Faults:
    """What is wrong with a plan by itself."""
    short, sources, is_right = _listed(value, "sources", PLANNED)
    wrong = [
        ("llmix.release_plan_invalid", f"Release plan {fault}") for fault in schema.faults(short, "plan")
    ]
    try:
        canonical.jcs(value)
    except MdaError as error:
        wrong.append(("llmix.release_plan_invalid", f"Release plan: {error.message}"))
    if not is_right:
        wrong.append(("llmix.release_plan_invalid", f"Release plan sources must have {', '.join(PLANNED)}"))
    if wrong:
        return wrong
    names = [each["expectedRegistryEntryIdentity"] for each in sources]
    if names != [f"{each['module']}/{each['preset']}" for each in sources]:
        wrong.append(("llmix.release_plan_invalid", "Release plan has a source under another's name"))
    if len(set(names)) != len(names):
        wrong.append(("llmix.release_plan_duplicate_preset", "Release plan has a preset twice"))
    if value["sourceSetDigest"] != canonical.digest(canonical.jcs({"sources": sources})):
        wrong.append(("llmix.source_set_digest_mismatch", "Release plan sourceSetDigest is not its sources'"))
    return wrong


def root_said(payload: Mapping[str, Any]) -> tuple[Value, dict[str, str]]:
    """A root's `revision` and `published_at`, and its files by path. Raises `MdaError` for what is none."""
    short, files, is_right = _listed(payload, "files", NAMED)
    if wrong := schema.faults(short, "root"):
        raise MdaError("schema-violation", "; ".join(f"Registry root {fault}" for fault in wrong))
    named = {str(file.get("path")): str(file.get("sha256")) for file in files if is_right}
    if not named or len(named) != len(files):
        raise MdaError(
            "schema-violation", "Registry root must have files, each once, with path, sha256 and role"
        )
    return {name: payload[name] for name in ("revision", "published_at")}, named


def coverage_faults(plan: Value, revision: str, files: Mapping[str, str]) -> Faults:
    """Where a plan and a signed root part. files: what the root names, by path, with its SHA-256 in hex."""
    found: Faults = []
    left = set(files)
    for source in plan["sources"]:
        name = source["expectedRegistryEntryIdentity"]
        at = f"compiled/{revision}/source/{name}.mda", f"compiled/{revision}/resolved/{name}.json"
        left.difference_update(at)
        if not files.keys() >= set(at):
            found.append(("llmix.registry_root_missing_preset", f"Registry root is missing preset {name}"))
        elif f"sha256:{files[at[0]]}" != source["rawSourceDigest"]:
            text = f"Registry root digest for {name} does not match the release plan"
            found.append(("llmix.registry_root_stale_digest", text))
    text = "Registry root has a file that the release plan has not: "
    return found + [("llmix.registry_root_extra_preset", text + path) for path in sorted(left)[:1]]


# ----------------------------------------------------------------------------------------- manifest


def manifest(
    plan: tuple[str, Value], signed: Value, policy: Value, signer: Identity, floor: Mapping[str, str | None]
) -> Value:
    """The trust manifest of a release. plan: its path, and the plan. signed: `path`, `digest`, `revision` and
    `published_at` of the signed root. floor: `minimumRevision`, `minimumPublishedAt`, `highWatermark`.
    """
    revision = signed["revision"]
    where = {"path": signed["path"], "revision": revision, "publishedAt": signed["published_at"]}
    return {
        "version": 1, "kind": "llmix-trust-manifest", "expectedRootDigest": signed["digest"],
        "sourceSetDigest": plan[1]["sourceSetDigest"],
        "releasePlanDigest": canonical.digest(canonical.jcs(plan[1])),
        "registryRootTrustPolicy": policy, "rekorPolicy": policy.get("rekor"),
        "minimumRevision": floor.get("minimumRevision"),
        "minimumPublishedAt": floor.get("minimumPublishedAt"),
        "highWatermark": floor.get("highWatermark") or revision,
        "registryRootSignerIdentity": signer.as_json(), "registryRoot": {**where, "highWatermark": revision},
        "releasePlan": {"path": plan[0], "sourceCount": len(plan[1]["sources"])},
    }  # fmt: skip


def manifest_faults(value: Any) -> Faults:
    """What is wrong with a trust manifest by itself."""
    wrong = schema.faults(value, "manifest")
    return [("llmix.trust_manifest_invalid", f"Trust manifest {fault}") for fault in wrong]


def freshness_faults(signed: Value, floor: Mapping[str, str | None]) -> Faults:
    """Where a root is older than it may be; arguments as for `manifest`. Revisions are decimal numbers,
    ISO times, or compact ones like `2026-05-09T120000Z`, and only like is compared with like.
    """
    found: Faults = []
    for name, own, code in (
        ("minimumRevision", signed["revision"], "llmix.freshness_revision_rollback"),
        ("minimumPublishedAt", signed["published_at"], "llmix.freshness_published_at_rollback"),
        ("highWatermark", signed["revision"], "llmix.high_watermark_rollback"),
    ):
        least = floor.get(name)
        if not least:
            continue
        said, wanted = _moment(own), _moment(least)
        if said is None or wanted is None or said[0] != wanted[0]:
            text = "must be a decimal integer, an ISO or a compact UTC time, and the root's of that kind"
            found.append(("llmix.freshness_invalid", f"{name} {text}"))
        elif said < wanted:
            found.append((code, f"Registry root is older than {name}"))
    return found


def _moment(text: str) -> tuple[str, float] | None:
    if re.fullmatch(r"0|[1-9][0-9]{0,300}", text, re.ASCII):
        return "integer", int(text)
    compact = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d)(\d\d)(\d\d)Z", text, re.ASCII)
    iso = f"{compact[1]}:{compact[2]}:{compact[3]}Z" if compact else text
    try:
        return ("time", datetime.fromisoformat(iso.upper()).timestamp()) if DATE_TIME.fullmatch(iso) else None
    except (ValueError, OverflowError):
        return None


# ----------------------------------------------------------------------------------------- snippets


def snippet(form: str, path: str, manifest: Value) -> str:
    """What a deployment needs of the trust manifest at *path*, in one of `FORMS`."""
    said = {
        "LLMIX_TRUST_MANIFEST": path,
        "LLMIX_EXPECTED_ROOT_DIGEST": manifest["expectedRootDigest"],
        "LLMIX_SOURCE_SET_DIGEST": manifest["sourceSetDigest"],
        "LLMIX_RELEASE_PLAN_DIGEST": manifest["releasePlanDigest"],
        "LLMIX_REGISTRY_ROOT": manifest["registryRoot"]["path"],
        "LLMIX_RELEASE_PLAN": manifest["releasePlan"]["path"],
        **({"LLMIX_HIGH_WATERMARK": manifest["highWatermark"]} if manifest.get("highWatermark") else {}),
    }
    return FORMS[form](said)


def _lines(line: str, before: str = "", after: str = "") -> Callable[[Value], str]:
    def written(said: Value) -> str:
        lines = (line.format(name, json.dumps(value, ensure_ascii=False)) for name, value in said.items())
        return before + "".join(f"{each}\n" for each in lines) + after

    return written


FORMS: dict[str, Callable[[Value], str]] = {
    "json": canonical.pretty,
    "env": _lines("{}={}"),
    "kubernetes": _lines(
        "  {}: {}", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: llmix-trust\ndata:\n"
    ),
    "github-actions": _lines("  {}: {}", "env:\n"),
    "terraform": _lines("    {} = {}", "locals {\n  llmix_trust = {\n", "  }\n}\n"),
    "typescript": lambda said: f"export const llmixTrust = {canonical.pretty(said)[:-1]} as const;\n",
    "python": lambda said: f"LLMIX_TRUST = {canonical.pretty(said)}",
    "rust": _lines("pub const {}: &str = {};"),
}
