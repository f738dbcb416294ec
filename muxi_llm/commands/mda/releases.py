"""`mda release` and `mda doctor`: the papers of a release, before it is published and after."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.mda.results import Call, Said, Stop, diagnostic, told
from muxi_llm.commands.mda.signing import checkers, github_identity, policy_of, untrusted, verified
from muxi_llm.presets import artifact, canonical, evidence, files, root, source, trust
from muxi_llm.presets.errors import MdaError, ReleaseError
from muxi_llm.presets.schemas import DOMAIN, NAMES

if TYPE_CHECKING:
    from muxi_llm.presets.trust import Checkers, Policy

TARGET = "llmix-registry"
REKOR = "https://rekor.sigstore.dev"
FLOOR = {
    "minimumRevision": "minimum-revision", "minimumPublishedAt": "minimum-published-at",
    "highWatermark": "high-watermark",
}  # fmt: skip


def check_target(call: Call) -> None:
    """Ends the command unless it is for LLMix's registry, and has no words of its own."""
    (target,) = call.needed("target")
    if target != TARGET:
        wrong = "release.unsupported_target", f"Unsupported release target: {target}"
        said = "Release target is not supported", "use-llmix-registry-target"
        raise call.stop(wrong, *said, target=target, supportedTargets=[TARGET])
    if call.words:
        raise call.usage(f"{call.command} takes no positional arguments")


# ------------------------------------------------------------------------------------------- policy


def trust_policy(call: Call) -> Said:
    """A policy that names one signer."""
    check_target(call)
    (profile,) = call.needed("profile")
    if profile not in {"did-web", "github-actions"}:
        wrong = "trust_policy.unsupported_profile", f"Unsupported trust policy profile: {profile}"
        then = "use-did-web-policy-profile use-github-actions-policy-profile"
        raise call.stop(wrong, "Trust policy profile is not supported", then)
    by_domain = profile == "did-web"
    policy, out = (_by_domain if by_domain else _by_workflow)(call), call.option("out")
    name = "did:web" if by_domain else "GitHub Actions"
    call.free(out)
    if not out:
        said = f"Generated {name} trust policy", "save-trust-policy", canonical.pretty(policy)[:-1]
        return call.done(*said, policy=policy, out=None, written=False)
    call.write(out, canonical.pretty(policy))
    call.touch("trust-policy", out)
    then = (
        "verify-signed-preset" if by_domain else "sign-github-actions-release verify-github-actions-release"
    )
    said = f"Wrote {name} trust policy to {out}", then, f"wrote {out}"
    return call.done(*said, policy=policy, out=out, written=True)


def _by_domain(call: Call) -> Policy:
    domain, least = call.option("domain") or "", call.option("min-signatures") or "1"
    if not re.fullmatch(DOMAIN, domain):
        raise call.usage("--domain must be a valid did:web domain")
    if not re.fullmatch("[1-9][0-9]{0,2}", least):
        raise call.usage("--min-signatures must be a positive integer")
    call.say(profile="did-web", domain=domain, minSignatures=int(least))
    signer = {"type": "did-web", "domain": domain}
    return {"version": 1, "minSignatures": int(least), "trustedSigners": [signer]}


def _by_workflow(call: Call) -> Policy:
    who = github_identity(call)
    call.say(profile="github-actions", repo=who["repository"], workflow=who["workflow"], ref=who["ref"])
    return {"version": 1, "trustedSigners": [{"type": "sigstore-oidc", **who}], "rekor": {"url": REKOR}}


# ------------------------------------------------------------------------------------------ prepare


def prepare(call: Call) -> Said:
    """The plan of a release: every source, verified, and its digests."""
    check_target(call)
    folder, registry, path, out = call.needed("source", "registry-dir", "policy", "out")
    call.say(sourceDir=folder, registryDir=registry, policy=path)
    call.free(out)
    policy, by, found, blocked = (
        policy_of(call, path),
        checkers(call),
        _sources(call, folder),
        "Release prepare blocked",
    )
    if not found:
        wrong: Any = "llmix.no_sources", "No .mda sources found under --source"
        raise call.stop(wrong, blocked, "add-llmix-source", written=False)
    planned: dict[str, Said] = {}
    wrong = []
    for file in found:
        try:
            planned |= _planned(call, file, file.relative_to(folder).as_posix(), planned, policy, by)
        except Stop as stop:
            wrong += [{**each, "path": str(file)} for each in stop.result["diagnostics"]]
    if wrong:
        then = "fix-source-validation verify-source-signature"
        raise call.stop(wrong, blocked, then, sourceCount=len(found), written=False)
    plan = evidence.plan(folder, registry, path, planned.values())
    call.write(out, canonical.pretty(plan))
    digest, count = plan["sourceSetDigest"], len(found)
    call.touch("llmix-release-plan", out, digest=digest)
    call.say(out=out, sourceSetDigest=digest, sourceCount=count, releasePlan=plan, written=True)
    summary = f"Prepared LLMix registry release plan for {count} source(s)"
    return call.done(summary, "publish-llmix-registry prepare-trust-manifest-inputs", f"wrote {out}")


def _sources(call: Call, folder: str) -> list[Path]:
    if not Path(folder).is_dir():
        raise call.io(f"No such folder: {folder}")
    return sorted(path for path in Path(folder).rglob("*.mda") if path.is_file() and not path.is_symlink())


def _planned(call: Call, file: Path, path: str, planned: Said, policy: Policy, by: Checkers) -> Said:
    """A source's part of the plan, by its name in the registry."""
    data = call.artifact(str(file))
    found, verdict = verified(call, data, "source", policy, by)
    if wrong := untrusted(verdict, policy):
        raise call.stop(wrong)
    name = _name(found, path)
    if name is None:
        text = "Source has no valid module and preset, neither in metadata.snoai-llmix nor by its path"
        raise call.stop(("llmix.release_identity_missing", text))
    identity = "/".join(name)
    if identity in planned:
        first = planned[identity]["sourcePath"]
        text = f"Multiple sources target registry entry {identity}; first source is {first}"
        raise call.stop(("llmix.duplicate_registry_entry", text))
    if path != f"{identity}.mda":
        text = f"Source says that it is {identity}, which the registry has at {identity}.mda"
        raise call.stop(("llmix.release_identity_mismatch", text))
    return {identity: evidence.plan_source(name, path, data, found, verdict.trusted[0])}


def _name(found: source.Document, path: str) -> tuple[str, str] | None:
    """Module and preset, as the document says, or else its path."""
    said = source.namespace(found.front)
    module, _, preset = path.removesuffix(".mda").partition("/")
    name = (str((said or {}).get("module", module)), str((said or {}).get("preset", preset)))
    is_right = all(map(re.fullmatch, (NAMES["module"], NAMES["preset"]), name))
    return name if is_right and said is not None else None


# ----------------------------------------------------------------------------------------- finalize


def finalize(call: Call) -> Said:
    """The trust manifest of a published release; with `--manifest`, a snippet of it for a deployment."""
    check_target(call)
    if call.options.keys() & {"manifest", "snippet-format", "snippet-out"}:
        return _snippet(call)
    names = "registry-dir", "registry-root", "release-plan", "policy", "out"
    registry, path, plan_path, policy_path, out = call.needed(*names)
    expected = call.option("expected-root-digest")
    if bool(expected) == ("derive-root-digest" in call.flags):
        raise call.usage("Choose exactly one: --expected-root-digest <digest> or --derive-root-digest")
    if expected and not canonical.is_digest(expected):
        raise call.usage("--expected-root-digest must be a sha256/sha384/sha512 digest")
    call.say(registryDir=registry, registryRoot=path, releasePlan=plan_path, out=out)
    call.free(out)
    _check_outside(call, registry, {"out": out}, "write-external-manifest")
    if not is_inside(path, registry):
        wrong: Any = "release.registry_root_outside_registry", f"--registry-root {WITHIN}"
        said_ = "Registry-root evidence must belong to the selected registry directory"
        raise call.stop(wrong, said_, "use-registry-root-from-registry", written=False)
    policy, plan = policy_of(call, policy_path), call.json(plan_path)
    floor = {name: call.option(option) for name, option in FLOOR.items()}
    said, wrong = _evidence(call, path, plan, registry)
    trusted: tuple[trust.Identity, ...] = ()
    if said and not wrong:
        if expected not in {None, said["digest"]}:
            text = "Expected root digest does not match signed registry-root evidence"
            wrong.append(diagnostic("llmix.root_digest_mismatch", text))
        trusted, more = _signers(said["root"], policy, checkers(call))
        wrong += _faults(evidence.freshness_faults(said, floor)) + more
    if wrong or not said:
        raise call.stop(wrong, "Release finalize blocked", "fix-registry-root", written=False)
    manifest = evidence.manifest((plan_path, plan), said, policy, trusted[0], floor)
    call.write(out, canonical.pretty(manifest))
    call.touch("llmix-trust-manifest", out, digest=said["digest"])
    call.say(expectedRootDigest=said["digest"], sourceSetDigest=plan["sourceSetDigest"], written=True)
    summary = "Finalized external LLMix deployment trust manifest"
    return call.done(summary, "install-external-trust-manifest deploy-signed-registry", f"wrote {out}")


WITHIN = "must resolve inside --registry-dir"


def _check_outside(call: Call, registry: str, paths: dict[str, str], then: str) -> None:
    """Ends the command where one of *paths* would be in the registry, which it is to vouch for."""
    if any(is_inside(path, registry) for path in paths.values()):
        text = f"{' and '.join(f'--{name}' for name in paths)} must resolve outside --registry-dir"
        summary = "Release trust artifacts must be outside the registry directory"
        raise call.stop(("release.trust_artifact_inside_registry", text), summary, then, written=False)


def is_inside(path: str, folder: str) -> bool:
    """Whether *path* leads into *folder*, links followed."""
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


def _faults(faults: evidence.Faults) -> list[Said]:
    return [diagnostic(code, text) for code, text in faults]


def _evidence(call: Call, path: str, plan: Any, registry: str) -> tuple[Said, list[Said]]:
    """What a signed root says (`path`, `digest`, `revision`, `published_at`, `root`), and what is wrong
    with it, with the plan, and between them and the files.
    """
    wrong = _faults(evidence.plan_faults(plan))
    with call.guarded():
        data = Path(path).read_bytes()
    try:
        found = root.read_root(data)
        said, named = evidence.root_said(found.payload)
    except (ReleaseError, MdaError) as error:
        code = "integrity.mismatch" if "is not the payload's" in str(error) else "llmix.registry_root_invalid"
        return {}, [*wrong, diagnostic(code, str(error))]
    wrong += [fault for file, digest in named.items() for fault in _file_faults(registry, file, digest)]
    if not wrong:
        wrong = _faults(evidence.coverage_faults(plan, said["revision"], named))
    return {"path": path, "digest": canonical.digest(data), "root": found, **said}, wrong


def _file_faults(registry: str, path: str, digest: str) -> list[Said]:
    try:
        root.check_file(path, files.read(Path(registry), path), digest)
    except ReleaseError as error:
        return [diagnostic(FILE_CODES.get(error.code, "filesystem.io"), str(error), path=path)]
    return []


FILE_CODES = {
    "file-outside": "llmix.registry_root_file_outside_registry",
    "file-digest-mismatch": "llmix.registry_root_file_digest_mismatch",
}


def _signers(found: root.Root, policy: Policy, by: Checkers) -> tuple[tuple[trust.Identity, ...], list[Said]]:
    signed = {"payload": found.payload_bytes, "types": {trust.ROOT_TYPE}}
    try:
        verdict = trust.examine(found.signatures, found.integrity, policy, by, **signed)  # type: ignore[arg-type]
    except MdaError as error:
        return (), told(error)
    return verdict.trusted, untrusted(verdict, policy)


def _snippet(call: Call) -> Said:
    names = "manifest", "snippet-format", "snippet-out"
    call.say(**dict(zip(("manifest", "format", "out"), map(call.option, names), strict=True)))
    blocked = "Release snippet generation blocked"
    if not call.option("registry-dir"):
        wrong: Any = "release.registry_dir_required", "--registry-dir <dir> is required for snippet output"
        raise call.stop(wrong, blocked, "add-registry-dir", written=False)
    path, form, out = call.needed(*names)
    if form not in evidence.FORMS:
        raise call.usage(f"--snippet-format must be one of {', '.join(evidence.FORMS)}")
    call.free(out)
    paths = {"manifest": path, "snippet-out": out}
    _check_outside(call, call.options["registry-dir"][0], paths, "write-external-snippet")
    manifest = call.json(path)
    if wrong := _faults(evidence.manifest_faults(manifest)):
        raise call.stop(wrong, blocked, "regenerate-trust-manifest", written=False)
    call.write(out, evidence.snippet(form, path, manifest))
    call.touch("llmix-trust-snippet", out)
    call.options["release-plan"] = [manifest["releasePlan"]["path"]]
    then = "install-deployment-snippet run-release-doctor"
    return call.done(f"Wrote {form} LLMix deployment trust snippet", then, f"wrote {out}", written=True)


# ------------------------------------------------------------------------------------------- doctor


def doctor(call: Call) -> Said:
    """Whether a release may be deployed: sources, registry, plan and trust manifest fit each other."""
    check_target(call)
    folder, registry, plan_path, path = call.needed("source", "registry-dir", "release-plan", "manifest")
    call.say(sourceDir=folder, registryDir=registry, releasePlan=plan_path, manifest=path)
    issues = "Release doctor found readiness issues"
    for each, code, what, then in (
        (plan_path, "llmix.release_plan_missing", "Release plan", "create-release-plan"),
        (path, "llmix.manifest_missing", "Trust manifest", "create-trust-manifest"),
    ):
        if not Path(each).exists():
            raise call.stop((code, f"{what} is missing"), issues, then, readOnly=True, written=False)
    checks, wrong = _checked(call, registry, path, plan_path)
    found, count = _ready(call, folder)
    call.say(
        checks=[{"id": name, "ok": ok} for name, ok in {**checks, "source-readiness": not found}.items()]
    )
    if wrong + found:
        raise call.stop(wrong + found, issues, "fix-release-state", readOnly=True, written=False)
    summary = "Release state is ready for secure LLMix deployment"
    return call.done(summary, "deploy-secure-llmix", sourceCount=count, readOnly=True, written=False)


def _checked(call: Call, registry: str, path: str, plan_path: str) -> tuple[dict[str, bool], list[Said]]:
    """All but the sources, check by check, and what is wrong."""
    manifest, plan = call.json(path), call.json(plan_path)
    placed = "release.trust_artifact_inside_registry", "--manifest must resolve outside --registry-dir"
    found = {
        "manifest-placement": _faults([placed] if is_inside(path, registry) else []),
        "release-plan-input": _faults(evidence.plan_faults(plan)),
        "trust-manifest-shape": _faults(evidence.manifest_faults(manifest)),
    }
    if not found["trust-manifest-shape"]:
        root_path = manifest["registryRoot"]["path"]
        placed = "release.registry_root_outside_registry", f"Trust manifest registryRoot.path {WITHIN}"
        found["registry-root-placement"] = _faults([] if is_inside(root_path, registry) else [placed])
        said: Said = {}
        wrong = found["registry-root-placement"]
        if not wrong:
            said, wrong = _evidence(call, root_path, plan, registry)
        found["registry-root-evidence"] = wrong
        found["release-plan-evidence"] = found["release-plan-input"]
        is_sound = said and not any(found.values())
        found["registry-root-trust"] = _trusted(call, said, plan, manifest) if is_sound else wrong
    told_once = {each["code"] + each["message"]: each for wrong in found.values() for each in wrong}
    return {name: not wrong for name, wrong in found.items()}, list(told_once.values())


def _trusted(call: Call, said: Said, plan: Said, manifest: Said) -> list[Said]:
    """Where the manifest parts from the root, the plan and the policy it embeds."""
    plan_path, plan_digest = call.options["release-plan"][0], canonical.digest(canonical.jcs(plan))
    wrong = [
        diagnostic(f"llmix.{code}", f"Trust manifest {name} is not that of the release")
        for name, one, other, code in (
            ("releasePlan.path", manifest["releasePlan"]["path"], plan_path, "release_plan_digest_mismatch"),
            ("expectedRootDigest", manifest["expectedRootDigest"], said["digest"], "root_digest_mismatch"),
            (
                "sourceSetDigest",
                manifest["sourceSetDigest"],
                plan["sourceSetDigest"],
                "source_set_digest_mismatch",
            ),
            ("releasePlanDigest", manifest["releasePlanDigest"], plan_digest, "release_plan_digest_mismatch"),
        )
        if one != other
    ]
    try:
        policy = trust.check_policy(manifest["registryRootTrustPolicy"])
    except MdaError as error:
        return [*wrong, *told(error)]
    wrong += _faults(evidence.freshness_faults(said, manifest))
    return wrong + _signers(said["root"], policy, checkers(call))[1]


def _ready(call: Call, folder: str) -> tuple[list[Said], int]:
    """What is wrong with the sources, and how many there are."""
    try:
        found = _sources(call, folder)
    except Stop as stop:
        return stop.result["diagnostics"], 0
    wrong = [] if found else [diagnostic("llmix.no_sources", "No .mda sources found under --source")]
    for file in found:
        data = call.artifact(str(file))
        errors, _ = artifact.faults(data, "source")
        try:
            artifact.check_integrity(data, "source")
        except MdaError as error:
            errors = errors or [error]
        wrong += [each for error in errors for each in told(error, path=str(file))]
    return wrong, len(found)
