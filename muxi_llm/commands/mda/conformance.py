"""`mda conformance`: MDA's own suite, or one like it: documents, and what is to become of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.mda.results import Call, Said, diagnostic, told
from muxi_llm.presets import artifact, canonical, source, trust
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.yaml import Limits, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.presets.schema import Kind

MANIFEST = Limits(size=1 << 20, nodes=50_000)
KINDS: dict[str, Kind] = {"skill-md": "SKILL.md", "agents-md": "AGENTS.md", "mcp-server-md": "MCP-SERVER.md"}
Entry = dict[str, Any]


def conformance(call: Call) -> Said:
    """Every fixture of a suite, and whether it got its verdict."""
    suite, level = call.option("suite") or "conformance", call.option("level") or "V"
    if call.words or level not in {"V", "C"}:
        raise call.usage("conformance takes no positional arguments, and --level must be V or C")
    call.options |= {"suite": [suite], "level": [level]}
    call.say(suite=suite, level=level)
    with call.guarded():
        manifest = read_yaml((Path(suite) / "manifest.yaml").read_text("utf-8", "replace"), MANIFEST)
    entries = manifest.get("fixtures") if isinstance(manifest, dict) else None
    if not isinstance(entries, list):
        raise call.stop(("conformance.manifest_invalid", "manifest.yaml must contain fixtures[]"))
    fixtures = [
        {"id": entry["id"], "ok": not wrong, "diagnostics": wrong}
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and not _is_left(entry, level)
        for wrong in [_wrong(Path(suite), entry)]
    ]
    failed = [{**each, "path": fixture["id"]} for fixture in fixtures for each in fixture["diagnostics"]]
    count = sum(not fixture["ok"] for fixture in fixtures)
    call.say(passCount=len(fixtures) - count, failCount=count, fixtures=fixtures)
    if failed:
        raise call.stop(failed, f"Conformance Level {level} failed", "fix-conformance")
    return call.done(f"Conformance Level {level} passed")


def _is_left(entry: Entry, level: str) -> bool:
    return level == "V" and entry.get("verdict") == "equal"


def _wrong(suite: Path, entry: Entry) -> list[Said]:
    """Where a fixture's verdict is another one than it should be."""
    if entry.get("verdict") == "equal":
        text = "compiling documents is for @markdown-ai/cli"
        return [diagnostic("conformance.compile_fixture_unavailable", text)]
    path = suite / str(entry.get("path"))
    if not path.is_file():
        return [diagnostic("conformance.fixture_missing", f"Missing fixture: {path}")]
    errors = list(_errors(suite, entry, path.read_bytes()))
    if entry.get("verdict") == "accept":
        return [each for error in errors for each in told(error)]
    found = [error.category for error in errors]
    for name, code in (
        ("expected-error", "expected_error_mismatch"),
        ("extraction-expected", "extraction_mismatch"),
    ):
        wanted = ALIASES.get(str(entry.get(name)), entry.get(name))
        if wanted not in {None, "ok", *found}:
            return [diagnostic(f"conformance.{code}", f"Expected {wanted}, got {', '.join(found) or 'none'}")]
    text = "Expected a rejection, got none"
    return [] if found else [diagnostic("conformance.expected_error_mismatch", text)]


ALIASES = {"no-frontmatter": "missing-required-frontmatter"}


def _errors(suite: Path, entry: Entry, data: bytes) -> Iterator[MdaError]:
    try:
        if str(entry.get("path")).endswith(".json"):
            trust.check_policy(canonical.read_json(data, what="the policy"))
            return
        errors, _ = artifact.faults(data, _kind(entry), strict=True)
        yield from errors
        checks = entry.get("semantic-checks") or []
        if not errors and "integrity" in checks:
            artifact.check_integrity(data, "source")
        if not errors and "trusted-runtime-policy" in checks:
            _check_trusted(suite, entry, source.document(data).front)
    except MdaError as error:
        yield error


def _kind(entry: Entry) -> Kind:
    named = " ".join(map(str, entry.get("against") or ()))
    by_name: Kind = "source" if str(entry.get("path")).endswith(".mda") else "AGENTS.md"
    return next((kind for name, kind in KINDS.items() if f"frontmatter-{name}." in named), by_name)


def _check_trusted(suite: Path, entry: Entry, front: dict[str, Any]) -> None:
    """What the policy says of the signers, taking their signatures for verified: the suite has no keys."""
    integrity = artifact.declared(front)
    if not front.get("signatures"):
        raise MdaError("missing-required-signature", "trusted-runtime requires signatures[]")
    path = suite / str(entry.get("runtime-policy"))
    if not path.is_file():  # a policy that is not there trusts nobody
        raise MdaError("no-trusted-signature", "no signature matched the trust policy")
    policy = trust.check_policy(canonical.read_json(path.read_bytes(), what="the policy"))
    verified = {
        (item.get("issuer"), item.get("subject"))
        for item in entry.get("verified-identities") or ()
        if isinstance(item, dict)
    }

    def by_identity(claim: trust.Claim) -> trust.Identity:
        for signer in trust.signers_of(policy, "sigstore-oidc", claim.name):
            if (claim.name, signer["subject"]) in verified:
                return claim.identity(subject=signer["subject"])
        raise MdaError("no-trusted-signature", "no signature matched the trust policy")

    trusted: trust.Checkers = {"did-web": lambda claim: claim.identity(), "sigstore-oidc": by_identity}
    trust.verify(front["signatures"], integrity, policy, trusted)
