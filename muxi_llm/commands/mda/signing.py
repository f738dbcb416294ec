"""`mda sign` and `mda verify`: who stands for a document."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.mda.results import Call, Said, told
from muxi_llm.presets import artifact, canonical, keys, loading, sigstore, source, trust
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.schemas import DOMAIN, GITHUB

if TYPE_CHECKING:
    from muxi_llm.presets.schema import Kind
    from muxi_llm.presets.trust import Checkers, Claim, Identity, Policy, Verdict

OPTIONS = {
    "did-web": {"did", "key-id", "key-file", "key", "identity", "method"},
    "github-actions": {"repo", "workflow", "ref", "offline-sigstore-fixture", "rekor"},
}
"""By profile: what is for it alone."""


# --------------------------------------------------------------------------------------------- sign


def sign(call: Call) -> Said:
    """A signature more, over the digest that the document has recorded."""
    file = call.file("Expected one file: mda sign <file> --profile <profile> ... (--out <file>|--in-place)")
    profile = call.option("profile", "method") or "missing"
    if profile not in OPTIONS:
        raise call.usage(f"--profile must be did-web or github-actions, and is {profile}")
    others = {name for other, names in OPTIONS.items() if other != profile for name in names}
    if others & (call.options.keys() | call.flags):
        raise call.usage(f"options of another profile cannot be combined with --profile {profile}")
    call.say(file=file)
    who = _workflow(call) if profile == "github-actions" else _domain(call)
    out, in_place = call.option("out"), "in-place" in call.flags
    if bool(out) == in_place:
        raise call.usage("Choose exactly one output mode: --out <file> or --in-place")
    call.free(out)
    kind = call.kind_of(file)
    call.say(target=kind)
    data = call.artifact(file)
    with call.guarded("Signing requires valid recorded integrity", "write-integrity", written=False):
        integrity = artifact.check_integrity(data, kind, call.sidecar())
    found = source.document(data)
    before = found.front.get("signatures", [])
    if not isinstance(before, list):
        raise call.stop(("signature.invalid_entry", "Existing signatures must be an array"), written=False)
    by_workflow = profile == "github-actions"
    entry = _by_fixture(call, integrity, who) if by_workflow else _by_key(call, integrity, *who.values())
    where = out or file
    with call.guarded():
        made = found.with_entry("signatures", [*before, entry])
    call.write(where, made, instead=in_place)
    digest = integrity["digest"]
    call.say(profile=profile, signer=entry["signer"], keyId=entry["key-id"], payloadDigest=digest)
    if by_workflow:
        call.say(rekorLogId=entry["rekor-log-id"], rekorLogIndex=entry["rekor-log-index"])
    call.say(out=where, written=True)
    call.touch("signed-artifact", where, kind, digest)
    name = "GitHub Actions Sigstore/Rekor" if by_workflow else "did:web"
    then = "verify-github-actions-signature" if by_workflow else "verify-signature"
    return call.done(f"{name} signature written", then, f"signed {where}")


def _domain(call: Call) -> dict[str, str]:
    """did:web's signer, its key's id and its file."""
    identity = call.option("identity")
    did = call.option("did") or (f"did:web:{identity}" if identity else "")
    if not did:
        raise call.usage("--did <did> is required")
    domain = did.removeprefix("did:web:").partition(":")[0]
    if not did.startswith("did:web:") or not re.fullmatch(DOMAIN, domain):
        raise call.usage("--did must be a did:web DID with a valid domain")
    key_id, path = call.option("key-id") or f"{did}#default", call.option("key-file", "key")
    if not path:
        wrong = "did_web.key_input_missing", "--key-file <path> is required"
        call.options |= {"did": [did], "key-id": [key_id]}
        raise call.stop(wrong, "sign usage error", "provide-did-web-key", 2, written=False)
    return {"signer": f"did-web:{domain}", "key-id": key_id, "path": path}


def _workflow(call: Call) -> dict[str, str]:
    who = github_identity(call)
    if "rekor" not in call.flags:
        raise call.usage("--rekor is required for --profile github-actions")
    if not call.option("offline-sigstore-fixture"):
        raise call.usage("--offline-sigstore-fixture <path> is required for --profile github-actions")
    return who


def github_identity(call: Call) -> dict[str, str]:
    """Who a workflow of GitHub's is, as a policy has it."""
    repo, workflow, ref = (call.option(name) or "" for name in ("repo", "workflow", "ref"))
    if not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", repo):
        raise call.usage("--repo must be a GitHub repository in owner/repo form")
    if not workflow or workflow.strip() != workflow:
        raise call.usage("--workflow must be a non-empty workflow file or identity")
    if not re.fullmatch(r"refs/(heads|tags)/.+", ref):
        raise call.usage("--ref must be an exact Git ref such as refs/heads/main or refs/tags/v1.1.0")
    subject = f"repo:{repo}:ref:{ref}"
    return {"issuer": GITHUB, "subject": subject, "repository": repo, "workflow": workflow, "ref": ref}


def _by_key(call: Call, integrity: dict[str, str], signer: str, key_id: str, path: str) -> Said:
    try:
        key = keys.private_key(Path(path).read_bytes())
    except (OSError, MdaError) as error:
        raise call.io(error if isinstance(error, OSError) else f"{error.message}: {path}") from error
    return _signed(call, key, integrity, signer, key_id)


def _by_fixture(call: Call, integrity: dict[str, str], who: dict[str, str]) -> Said:
    (path,) = call.needed("offline-sigstore-fixture")
    given = call.json(path)
    with call.guarded("Sigstore fixture is invalid", fixture=path, written=False):
        fixture = sigstore.fixture(given)
        said, log = fixture.said, fixture.said["rekor"]
        fixture.check(who.items() <= said.items(), "sigstore.identity_mismatch")
        fixture.check(fixture.is_over(integrity["digest"]), "sigstore.fixture_digest_mismatch")
        key = keys.private_key(str(said.get("privateKeyPem")).encode())
        is_pair = keys.fingerprint(key.public_key()) == keys.fingerprint(
            keys.public_pem(said["publicKeyPem"])
        )
        fixture.check(is_pair, "sigstore.fixture_invalid")
    more = {"rekor-log-id": log["logId"], "rekor-log-index": log["logIndex"]}
    return {**_signed(call, key, integrity, f"sigstore-oidc:{said['issuer']}", said["keyId"]), **more}


def _signed(call: Call, key: keys.PrivateKey, integrity: dict[str, str], signer: str, key_id: str) -> Said:
    if keys.algorithm_of(key) != "ed25519":
        wrong = "signature.unsupported_algorithm", "Only Ed25519 keys are supported by mda sign"
        raise call.stop(wrong, written=False)
    packed = canonical.pae(trust.INTEGRITY_TYPE, canonical.integrity_payloads(integrity)[0])
    made = base64.b64encode(keys.sign(key, packed)).decode()
    return {
        "signer": signer, "key-id": key_id, "payload-digest": integrity["digest"], "algorithm": "ed25519",
        "signature": made, "payload-type": trust.INTEGRITY_TYPE,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------- verify


def verify(call: Call) -> Said:
    """Whether signers whom the policy trusts have signed the document as it is."""
    file = call.file("Expected one file: mda verify <file> --policy <path>")
    (path,) = call.needed("policy")
    kind = call.kind_of(file)
    call.say(file=file, target=kind, policy=path)
    policy = policy_of(call, path)
    found, verdict = verified(call, call.artifact(file), kind, policy, checkers(call))
    wrong, count, rejected = untrusted(verdict, policy), len(verdict.trusted), len(verdict.rejected)
    if not count:
        by_log = any(each["code"].startswith(("sigstore.", "rekor.")) for each in wrong)
        then = "provide-sigstore-fixture" if by_log else "fix-did-document"
        why = ("No trusted signature could be verified", then) if rejected else NOBODY
        raise call.stop(wrong, *why, rejectedSignatures=rejected)
    call.say(trustedSignatures=count, rejectedSignatures=rejected, minSignatures=trust.min_signatures(policy))
    call.say(trustedSignerIdentities=[who.as_json() for who in verdict.trusted])
    if wrong:
        raise call.stop(wrong, "Trusted signature threshold was not met", "add-signatures")
    digest = found.front["integrity"]["digest"]
    call.touch("verified-signature", file, kind, digest)
    said = "Signature verification passed", "publish-artifact", f"verified {count} trusted signature(s)"
    return call.done(*said, payloadDigest=digest)


NOBODY = ("No trusted signature matched the policy", "sign-with-trusted-identity")


def policy_of(call: Call, path: str) -> Policy:
    """The policy in a file. Ends the command for one that is none."""
    given = call.json(path)
    with call.guarded():
        return trust.check_policy(given)


def verified(
    call: Call, data: bytes, kind: Kind, policy: Policy, by: Checkers
) -> tuple[source.Document, Verdict]:
    """An artifact that is valid, with the right digest, and what became of its signatures.

    Ends the command where it is not, or has none.
    """
    errors, _ = artifact.faults(data, kind)
    if errors:
        raise call.stop([each for error in errors for each in told(error)])
    with call.guarded():
        integrity = artifact.check_integrity(data, kind, call.sidecar())
        found = source.document(data)
        if not found.front.get("signatures"):
            raise MdaError("missing-required-signature", "Verification requires signatures[]")
        types = {trust.INTEGRITY_TYPE}
        return found, trust.examine(found.front["signatures"], integrity, policy, by, types=types)


def untrusted(verdict: Verdict, policy: Policy) -> list[Said]:
    """Why the trusted signers are not enough; nothing if they are."""
    try:
        trust.enough(verdict, policy)
    except MdaError as error:
        errors = [error] if verdict.trusted else verdict.rejected or [error]
        return [each for error in errors for each in told(error)]
    return []


@dataclass(frozen=True, slots=True)
class _Refuses:
    """What stands where nothing is there to check with."""

    code: str
    message: str

    def __call__(self, claim: Claim) -> Identity:  # noqa: ARG002 - a checker's signature
        raise MdaError("signature-verification-failure", self.message, code=self.code)


def checkers(call: Call) -> Checkers:
    """What to check signatures with: the DID documents and the fixture that the command was given."""
    log, path = "--offline-sigstore-fixture", call.option("offline-sigstore-fixture")
    by_log: Any = _Refuses(
        "sigstore.fixture_required", f"{log} <path> is required to verify Sigstore signatures"
    )
    try:
        by_did: Any = trust.DidWebChecker(loading.did_web_files(call.options.get("did-document", ())))
    except (OSError, MdaError) as error:
        by_did = _Refuses("did_web.document_unavailable", str(error))
    try:
        by_log = sigstore.fixture(*loading.read_values([path], "Sigstore fixture")) if path else by_log
    except (OSError, MdaError) as error:
        by_log = _Refuses(getattr(error, "code", None) or "sigstore.fixture_unavailable", str(error))
    return {"did-web": by_did, "sigstore-oidc": by_log}
