"""`mda release` and `mda doctor`: policies, plans, trust manifests, snippets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.presets import evidence, keys, root, source, trust
from muxi_llm.presets.canonical import pae
from tests.commands.mda.conftest import DID, POLICY, PREPARE, SIGN, SOURCE, Mda
from tests.presets.signing import DOMAIN, KEY_ID, SEED_KEY, signature

REVISION = "2026-05-14T000000Z"
PUBLISHED = "2026-05-14T08:00:00.000Z"
AT = f"compiled/{REVISION}"
ROOT = f"config/llm/{AT}/registry-root.json"
FINALIZE = (
    f"release finalize --target llmix-registry --registry-dir config/llm --registry-root {ROOT} "
    f"--release-plan release/plan.json --policy release/trust-policy.json --derive-root-digest {DID}"
)
OUT = "--out deploy/llmix-trust.json"
DOCTOR = (
    "doctor release --target llmix-registry --source config/llm/source --registry-dir config/llm "
    f"--release-plan release/plan.json --manifest deploy/llmix-trust.json {DID}"
)
SNIPPET = (
    "release finalize --target llmix-registry --registry-dir config/llm --manifest deploy/llmix-trust.json"
)
CHECKS = [
    "manifest-placement", "release-plan-input", "trust-manifest-shape", "registry-root-placement",
    "registry-root-evidence", "release-plan-evidence", "registry-root-trust", "source-readiness",
]  # fmt: skip


def publish(cli: Mda, **more: Any) -> None:
    """What a publisher makes of the one source: its compiled tree and its signed root."""
    name = "search_summary/openai_fast"
    text = (cli.folder / SOURCE).read_bytes()
    resolved = root.written(source.read_preset(text).config)
    manifest = root.Manifest(REVISION, PUBLISHED, {name: root.Entry.of(name, text, resolved)})
    data = manifest.written()
    pointed = root.pointer(REVISION, root.sha256(data))
    payload = {**root.payload_of(manifest, data, pointed), **more}
    cli.write(f"config/llm/{AT}/source/{name}.mda", text)
    cli.write(f"config/llm/{AT}/resolved/{name}.json", resolved)
    cli.write(f"config/llm/{AT}/manifest.json", data)
    cli.write("config/llm/current.json", pointed)
    cli.write(ROOT, root.envelope(payload, [root_signature(payload)]))


def root_signature(payload: dict[str, Any], key: Any = SEED_KEY) -> dict[str, Any]:
    import base64

    from muxi_llm.presets import canonical

    data = canonical.jcs(payload)
    made = base64.b64encode(keys.sign(key, pae(trust.ROOT_TYPE, data))).decode()
    integrity = {"algorithm": "sha256", "digest": canonical.digest(data)}
    return signature(key, integrity, payload_type=trust.ROOT_TYPE, signature=made)


@pytest.fixture
def released(signed: Mda) -> Mda:
    """A release that is planned and published."""
    signed(PREPARE)
    publish(signed)
    return signed


@pytest.fixture
def final(released: Mda) -> Mda:
    """The same, with its trust manifest."""
    released(f"{FINALIZE} {OUT} --minimum-revision {REVISION}")
    return released


def value(cli: Mda, path: str) -> Any:
    return json.loads((cli.folder / path).read_text())


# ----------------------------------------------------------------------------------------- policies


def test_a_policy(cli: Mda) -> None:
    said = cli(f"{POLICY} --min-signatures 2 --out p.json")
    assert list(said)[7:] == ["message", "profile", "domain", "minSignatures", "policy", "out", "written"]
    signers = [{"type": "did-web", "domain": DOMAIN}]
    assert said["policy"] == {"version": 1, "minSignatures": 2, "trustedSigners": signers}
    assert (cli.folder / "p.json").read_text() == json.dumps(said["policy"], indent=2) + "\n"
    assert said["nextActions"][0]["id"] == "verify-signed-preset"
    assert cli.codes(f"{POLICY} --out p.json", 3) == ["filesystem.io"]
    said = cli(POLICY)
    assert (said["out"], said["written"], said["nextActions"][0]["id"]) == (None, False, "save-trust-policy")
    assert json.loads(said["message"]) == said["policy"]


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("release trust policy", 2, "input.usage"),
        ("release trust policy --target llmix-registry", 2, "input.usage"),
        ("release trust policy --target npm", 1, "release.unsupported_target"),
        (f"{POLICY} word", 2, "input.usage"),
        (POLICY.replace("did-web", "pgp"), 1, "trust_policy.unsupported_profile"),
        (POLICY.replace("config.example.com", "-"), 2, "input.usage"),
        (f"{POLICY} --min-signatures 0", 2, "input.usage"),
        (f"{POLICY} --min-signatures x", 2, "input.usage"),
        ("release trust policy --target llmix-registry --profile github-actions", 2, "input.usage"),
    ],
)
def test_no_policy(cli: Mda, line: str, status: int, code: str) -> None:
    assert cli.codes(line, status) == [code]


# --------------------------------------------------------------------------------------------- plan


def test_a_plan(signed: Mda) -> None:
    said = signed(PREPARE)
    assert list(said)[7:] == [
        "message", "sourceDir", "registryDir", "policy", "out", "sourceSetDigest", "sourceCount", "releasePlan",
        "written",
    ]  # fmt: skip
    assert [each["id"] for each in said["nextActions"]] == [
        "publish-llmix-registry",
        "prepare-trust-manifest-inputs",
    ]
    plan = value(signed, "release/plan.json")
    assert plan == said["releasePlan"]
    (only,) = plan["sources"]
    assert (only["module"], only["preset"], only["sourcePath"]) == (
        "search_summary", "openai_fast", "search_summary/openai_fast.mda",
    )  # fmt: skip
    assert only["signerIdentity"]["keyId"] == KEY_ID
    assert evidence.plan_faults(plan) == []
    first = (signed.folder / "release/plan.json").read_bytes()
    (signed.folder / "release/plan.json").unlink()
    signed(PREPARE)
    assert (signed.folder / "release/plan.json").read_bytes() == first
    assert not (signed.folder / "config/llm/compiled").exists()


def test_a_source_may_leave_its_name_to_its_path(signed: Mda) -> None:
    (signed.folder / SOURCE).unlink()
    text = (
        "---\nname: a\ndescription: D\nmetadata: {snoai-llmix: {common: {provider: openai, model: m}}}\n---\n"
    )
    for name in ("b/y", "a_c/x", "a/x"):
        signed.write(f"config/llm/source/{name}.mda", text)
        signed(f"integrity compute config/llm/source/{name}.mda --write")
        signed(f"sign config/llm/source/{name}.mda {SIGN} --in-place")
    plan = signed(PREPARE)["releasePlan"]
    assert [each["sourcePath"] for each in plan["sources"]] == ["a_c/x.mda", "a/x.mda", "b/y.mda"]


def test_what_cannot_be_planned(signed: Mda) -> None:
    source_dir = "config/llm/source"
    whole = (signed.folder / SOURCE).read_bytes()
    signed.write(f"{source_dir}/z/openai_fast.mda", whole)
    said = signed(PREPARE, 1)
    assert [(each["code"], each["path"]) for each in said["diagnostics"]] == [
        ("llmix.duplicate_registry_entry", f"{source_dir}/z/openai_fast.mda")
    ]
    (signed.folder / SOURCE).unlink()
    assert signed.codes(PREPARE) == ["llmix.release_identity_mismatch"]
    signed.write(f"{source_dir}/z/openai_fast.mda", whole + b"x\n")
    signed.write(f"{source_dir}/a.mda", "# none\n")
    said = signed(PREPARE, 1)
    assert [each["code"] for each in said["diagnostics"]] == [
        "input.missing_required_frontmatter", "integrity.mismatch",
    ]  # fmt: skip
    assert (said["sourceCount"], said["written"]) == (2, False)
    assert [each["id"] for each in said["nextActions"]] == [
        "fix-source-validation",
        "verify-source-signature",
    ]
    shutil.rmtree(signed.folder / source_dir)
    assert signed.codes(PREPARE, 3) == ["filesystem.io"]
    (signed.folder / source_dir).mkdir()
    assert signed.codes(PREPARE) == ["llmix.no_sources"]
    assert not (signed.folder / "release/plan.json").exists()


def test_a_source_without_a_name(signed: Mda) -> None:
    (signed.folder / SOURCE).unlink()
    path = "config/llm/source/Deep/er/x.mda"
    for text in (
        "---\nname: a\n---\n",
        "---\nname: a\nmetadata: {snoai-llmix: {common: {provider: openai, model: m}}}\n---\n",
    ):
        signed.write(path, text)
        signed(f"integrity compute {path} --write")
        signed(f"sign {path} {SIGN} --in-place")
        assert signed.codes(PREPARE) == ["llmix.release_identity_missing"]


def test_a_source_that_nobody_trusted_signed(signed: Mda) -> None:
    signed.write(
        "release/trust-policy.json",
        {"version": 1, "trustedSigners": [{"type": "did-web", "domain": "b.test"}]},
    )
    assert signed.codes(PREPARE) == ["trust_policy.no_trusted_signature"]
    signed.write("release/trust-policy.json", {"version": 2})
    assert signed.codes(PREPARE)[0] == "schema.validation"
    assert signed.codes(PREPARE.replace("--out release/plan.json", f"--out {SOURCE}"), 3) == ["filesystem.io"]
    assert signed.codes(PREPARE.replace("--policy", "--registry-root"), 2) == ["input.usage"]


def test_links_are_no_sources(signed: Mda) -> None:
    (signed.folder / "config/llm/source/link").mkdir()
    (signed.folder / "config/llm/source/link/x.mda").symlink_to(signed.folder / SOURCE)
    assert signed(PREPARE)["sourceCount"] == 1


# ----------------------------------------------------------------------------------------- finalize


def test_a_trust_manifest(released: Mda) -> None:
    said = released(f"{FINALIZE} {OUT} --minimum-revision {REVISION}")
    assert list(said)[7:] == [
        "message", "registryDir", "registryRoot", "releasePlan", "out", "expectedRootDigest", "sourceSetDigest",
        "written",
    ]  # fmt: skip
    manifest = value(released, "deploy/llmix-trust.json")
    assert list(manifest) == [
        "version", "kind", "expectedRootDigest", "sourceSetDigest", "releasePlanDigest", "registryRootTrustPolicy",
        "rekorPolicy", "minimumRevision", "minimumPublishedAt", "highWatermark", "registryRootSignerIdentity",
        "registryRoot", "releasePlan",
    ]  # fmt: skip
    assert manifest["expectedRootDigest"] == said["expectedRootDigest"] == said["artifacts"][0]["digest"]
    assert manifest["registryRoot"] == {
        "path": ROOT, "revision": REVISION, "publishedAt": PUBLISHED, "highWatermark": REVISION,
    }  # fmt: skip
    assert evidence.manifest_faults(manifest) == []
    assert [each["id"] for each in said["nextActions"]] == [
        "install-external-trust-manifest",
        "deploy-signed-registry",
    ]
    released(
        f"{FINALIZE.replace('--derive-root-digest', '')} --expected-root-digest {said['expectedRootDigest']} --out b.json"
    )
    assert released.codes(f"{FINALIZE} {OUT}", 3) == ["filesystem.io"]


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (FINALIZE, 2, "input.usage"),
        (f"{FINALIZE} {OUT} --expected-root-digest sha256:{'0' * 64}", 2, "input.usage"),
        (f"{FINALIZE.replace('--derive-root-digest', '')} {OUT}", 2, "input.usage"),
        (f"{FINALIZE.replace('--derive-root-digest', '--expected-root-digest x')} {OUT}", 2, "input.usage"),
        (f"{FINALIZE.replace('--derive-root-digest', '--expected-root-digest sha256:' + '0' * 64)} {OUT}", 1, "llmix.root_digest_mismatch"),
        (f"{FINALIZE} --out config/llm/trust.json", 1, "release.trust_artifact_inside_registry"),
        (f"{FINALIZE} --out config/llm/../llm/trust.json", 1, "release.trust_artifact_inside_registry"),
        (f"{FINALIZE.replace(ROOT, 'release/did.json')} {OUT}", 1, "release.registry_root_outside_registry"),
        (f"{FINALIZE.replace(ROOT, 'config/llm/none.json')} {OUT}", 3, "filesystem.io"),
        (f"{FINALIZE.replace('plan.json', 'none.json')} {OUT}", 3, "filesystem.io"),
        (f"{FINALIZE.replace(DID, '')} {OUT}", 1, "did_web.document_unavailable"),
        (f"{FINALIZE} {OUT} --minimum-revision 2026-05-15T000000Z", 1, "llmix.freshness_revision_rollback"),
        (f"{FINALIZE} {OUT} --minimum-revision 5", 1, "llmix.freshness_invalid"),
        (f"{FINALIZE} {OUT} --minimum-revision r5", 1, "llmix.freshness_invalid"),
        (f"{FINALIZE} {OUT} --minimum-published-at 2026-05-14T08:00:01Z", 1, "llmix.freshness_published_at_rollback"),
        (f"{FINALIZE} {OUT} --high-watermark 2026-05-14T00:00:01+00:00", 1, "llmix.high_watermark_rollback"),
    ],
)  # fmt: skip
def test_no_trust_manifest(released: Mda, line: str, status: int, code: str) -> None:
    assert released.codes(line, status) == [code]
    assert not (released.folder / "deploy").exists()


def test_links_do_not_hide_where_a_manifest_would_be(released: Mda) -> None:
    (released.folder / "deploy").symlink_to(released.folder / "config/llm")
    assert released.codes(f"{FINALIZE} {OUT}") == ["release.trust_artifact_inside_registry"]
    (released.folder / "config/llm/root.json").symlink_to(released.folder / "release/did.json")
    line = f"{FINALIZE.replace(ROOT, 'config/llm/root.json')} --out t.json"
    assert released.codes(line) == ["release.registry_root_outside_registry"]


def changed_plan(cli: Mda, change: Any) -> None:
    plan = value(cli, "release/plan.json")
    change(plan)
    again = evidence.plan("", "", "", plan["sources"])
    plan |= {"sourceSetDigest": plan.pop("digest", again["sourceSetDigest"]), "sources": again["sources"]}
    cli.write("release/plan.json", plan)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda plan: plan.update(kind="other"), "llmix.release_plan_invalid"),
        (lambda plan: plan.update(odd=2**60), "llmix.release_plan_invalid"),
        (lambda plan: plan["sources"][0].update(module="../x"), "llmix.release_plan_invalid"),
        (lambda plan: plan["sources"][0].update(module="other"), "llmix.release_plan_invalid"),
        (lambda plan: plan["sources"].append(plan["sources"][0]), "llmix.release_plan_duplicate_preset"),
        (lambda plan: plan.update(digest="sha256:" + "0" * 64), "llmix.source_set_digest_mismatch"),
        (lambda plan: plan["sources"][0].update(rawSourceDigest="sha256:" + "0" * 64), "llmix.registry_root_stale_digest"),
        (
            lambda plan: plan["sources"].append({**plan["sources"][0], "preset": "b", "expectedRegistryEntryIdentity": "search_summary/b"}),
            "llmix.registry_root_missing_preset",
        ),
        (lambda plan: plan["sources"].clear(), "llmix.registry_root_extra_preset"),
    ],
)  # fmt: skip
def test_a_plan_that_is_not_the_releases(released: Mda, change: Any, code: str) -> None:
    changed_plan(released, change)
    assert released.codes(f"{FINALIZE} {OUT}") == [code]


def test_a_root_that_is_not_what_was_signed(released: Mda) -> None:
    envelope = value(released, ROOT)
    whole = json.dumps(envelope)
    for text, code in (
        ("[]", "llmix.registry_root_invalid"),
        ("{", "llmix.registry_root_invalid"),
        (whole.replace(PUBLISHED, "2026-05-15T08:00:00.000Z"), "integrity.mismatch"),
        (json.dumps({**envelope, "signatures": []}), "llmix.registry_root_invalid"),
        (json.dumps({**envelope, "signatures": [5]}), "signature.invalid_entry"),
        (
            whole.replace("did-web:config.example.com", "did-web:evil.test"),
            "trust_policy.no_trusted_signature",
        ),
        (whole.replace(trust.ROOT_TYPE, trust.INTEGRITY_TYPE), "signature.payload_type_mismatch"),
    ):
        released.write(ROOT, text)
        assert released.codes(f"{FINALIZE} {OUT}") == [code], text[:80]


def test_a_root_of_odd_files(released: Mda) -> None:
    files = value(released, ROOT)["payload"]["files"]
    for odd, code in (
        ([], "llmix.registry_root_invalid"),
        ([*files, files[0]], "llmix.registry_root_invalid"),
        ([{**files[0], "role": "other"}], "llmix.registry_root_invalid"),
        (
            [{**files[0], "path": "../../release/plan.json"}, *files[1:]],
            "llmix.registry_root_file_digest_mismatch",
        ),
    ):
        publish(released, files=odd)
        assert released.codes(f"{FINALIZE} {OUT}")[0] == code


def test_a_file_that_is_not_what_was_signed(released: Mda) -> None:
    path = released.folder / f"config/llm/{AT}/resolved/search_summary/openai_fast.json"
    path.write_bytes(path.read_bytes() + b"\n")
    said = released(f"{FINALIZE} {OUT}", 1)
    assert [each["code"] for each in said["diagnostics"]] == ["llmix.registry_root_file_digest_mismatch"]
    assert said["nextActions"][0]["id"] == "fix-registry-root"
    path.unlink()
    assert released.codes(f"{FINALIZE} {OUT}") == ["filesystem.io"]
    path.symlink_to(released.folder / "release/did.json")
    assert released.codes(f"{FINALIZE} {OUT}") == ["llmix.registry_root_file_outside_registry"]


# ----------------------------------------------------------------------------------------- snippets

VARIABLES = [
    "LLMIX_TRUST_MANIFEST", "LLMIX_EXPECTED_ROOT_DIGEST", "LLMIX_SOURCE_SET_DIGEST", "LLMIX_RELEASE_PLAN_DIGEST",
    "LLMIX_REGISTRY_ROOT", "LLMIX_RELEASE_PLAN", "LLMIX_HIGH_WATERMARK",
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "first", "line", "last"),
    [
        ("json", "{", '  "K": V,', "}"),
        ("env", "", "K=V", ""),
        ("github-actions", "env:", "  K: V", ""),
        (
            "kubernetes",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: llmix-trust\ndata:",
            "  K: V",
            "",
        ),
        ("terraform", "locals {\n  llmix_trust = {", "    K = V", "  }\n}"),
        ("typescript", "export const llmixTrust = {", '  "K": V,', "} as const;"),
        ("python", "LLMIX_TRUST = {", '  "K": V,', "}"),
        ("rust", "", "pub const K: &str = V;", ""),
    ],
)
def test_a_snippet(final: Mda, form: str, first: str, line: str, last: str) -> None:
    said = final(f"{SNIPPET} --snippet-format {form} --snippet-out deploy/snippet")
    assert list(said)[7:] == ["message", "manifest", "format", "out", "written"]
    assert [each["id"] for each in said["nextActions"]] == [
        "install-deployment-snippet",
        "run-release-doctor",
    ]
    assert "--release-plan release/plan.json" in said["nextActions"][1]["command"]
    manifest = value(final, "deploy/llmix-trust.json")
    values = [
        "deploy/llmix-trust.json", manifest["expectedRootDigest"], manifest["sourceSetDigest"],
        manifest["releasePlanDigest"], ROOT, "release/plan.json", REVISION,
    ]  # fmt: skip
    lines = [line.replace("K", name).replace("V", json.dumps(text)) if form != "rust" else f"pub const {name}: &str = {json.dumps(text)};" for name, text in zip(VARIABLES, values, strict=True)]  # fmt: skip
    if form in {"json", "typescript", "python"}:
        lines[-1] = lines[-1].removesuffix(",")
    wanted = "\n".join(filter(None, [first, *lines, last])) + "\n"
    assert (final.folder / "deploy/snippet").read_text() == wanted


def test_no_snippet(final: Mda) -> None:
    for line, status, code in (
        (SNIPPET.replace("--registry-dir config/llm", ""), 1, "release.registry_dir_required"),
        (SNIPPET, 2, "input.usage"),
        (f"{SNIPPET} --snippet-format xml --snippet-out x", 2, "input.usage"),
        (f"{SNIPPET} --snippet-format env --snippet-out deploy/llmix-trust.json", 3, "filesystem.io"),
        (f"{SNIPPET} --snippet-format env --snippet-out config/llm/x", 1, "release.trust_artifact_inside_registry"),
        (f"{SNIPPET.replace('deploy/llmix-trust', 'release/did')} --snippet-format env --snippet-out x", 1, "llmix.trust_manifest_invalid"),
    ):  # fmt: skip
        assert final.codes(line, status)[0] == code


# ------------------------------------------------------------------------------------------- doctor


def test_a_release_that_may_be_deployed(final: Mda) -> None:
    before = {path: path.read_bytes() for path in final.folder.rglob("*") if path.is_file()}
    said = final(DOCTOR)
    assert said["checks"] == [{"id": name, "ok": True} for name in CHECKS]
    assert list(said)[7:] == [
        "sourceDir", "registryDir", "releasePlan", "manifest", "checks", "sourceCount", "readOnly", "written",
    ]  # fmt: skip
    assert (said["sourceCount"], said["readOnly"], said["written"]) == (1, True, False)
    assert before == {path: path.read_bytes() for path in final.folder.rglob("*") if path.is_file()}


def failed(cli: Mda, line: str = DOCTOR) -> tuple[list[str], list[str]]:
    said = cli(line, 1)
    assert said["nextActions"][0]["id"] == "fix-release-state"
    return [each["code"] for each in said["diagnostics"]], [
        each["id"] for each in said["checks"] if not each["ok"]
    ]


def test_what_the_doctor_finds(final: Mda) -> None:
    def restored(path: str) -> Any:
        final.write(path, kept[path])

    kept = {path: (final.folder / path).read_bytes() for path in (SOURCE, "release/plan.json", "deploy/llmix-trust.json", ROOT)}  # fmt: skip
    final.write(SOURCE, kept[SOURCE] + b"x\n")
    assert failed(final) == (["integrity.mismatch"], ["source-readiness"])
    restored(SOURCE)
    changed_plan(final, lambda plan: plan.update(sourceDir="elsewhere"))
    assert failed(final) == (["llmix.release_plan_digest_mismatch"], ["registry-root-trust"])
    changed_plan(final, lambda plan: plan.update(kind="other"))
    assert failed(final)[1] == [
        "release-plan-input",
        "registry-root-evidence",
        "release-plan-evidence",
        "registry-root-trust",
    ]
    restored("release/plan.json")
    manifest = json.loads(kept["deploy/llmix-trust.json"])
    for change, codes, checks in (
        ({"expectedRootDigest": "sha256:" + "0" * 64}, ["llmix.root_digest_mismatch"], ["registry-root-trust"]),
        ({"sourceSetDigest": "sha256:" + "0" * 64}, ["llmix.source_set_digest_mismatch"], ["registry-root-trust"]),
        ({"minimumRevision": "2027-01-01T000000Z"}, ["llmix.freshness_revision_rollback"], ["registry-root-trust"]),
        ({"registryRootTrustPolicy": {}}, ["schema.validation"] * 2, ["registry-root-trust"]),
        ({"kind": "other"}, ["llmix.trust_manifest_invalid"], ["trust-manifest-shape"]),
        (
            {"registryRoot": {**manifest["registryRoot"], "path": "release/did.json"}},
            ["release.registry_root_outside_registry"],
            ["registry-root-placement", "registry-root-evidence", "registry-root-trust"],
        ),
    ):  # fmt: skip
        final.write("deploy/llmix-trust.json", {**manifest, **change})
        assert failed(final) == (codes, checks)
    restored("deploy/llmix-trust.json")
    final.write("config/llm/trust.json", kept["deploy/llmix-trust.json"])
    line = DOCTOR.replace("deploy/llmix-trust.json", "config/llm/trust.json")
    assert failed(final, line)[0] == ["release.trust_artifact_inside_registry"]
    assert failed(final, DOCTOR.replace(DID, "")) == (
        ["did_web.document_unavailable"],
        ["registry-root-trust"],
    )
    shutil.rmtree(final.folder / "config/llm/source")
    assert failed(final) == (["filesystem.io"], ["source-readiness"])
    Path(final.folder / "config/llm/source").mkdir()
    assert failed(final) == (["llmix.no_sources"], ["source-readiness"])


def test_what_the_doctor_misses(final: Mda) -> None:
    for path, code, then in (
        ("release/plan.json", "llmix.release_plan_missing", "create-release-plan"),
        ("deploy/llmix-trust.json", "llmix.manifest_missing", "create-trust-manifest"),
    ):
        said = final(DOCTOR.replace(path, "none.json"), 1)
        assert (said["diagnostics"][0]["code"], said["nextActions"][0]["id"]) == (code, then)
    final.write("deploy/llmix-trust.json", "{")
    assert final.codes(DOCTOR, 3) == ["filesystem.io"]
    assert final.codes("doctor release --target llmix-registry", 2) == ["input.usage"]


# ------------------------------------------------------------------------------------------- shared


@pytest.mark.shared
def test_the_papers_of_a_release_that_others_made(cli: Mda, shared: Path) -> None:
    """Byte for byte: its plan from its sources, and its trust manifest from its registry."""
    shutil.copytree(shared / "fixtures/llmix/derived/secure_release", "release", dirs_exist_ok=True)
    for path in Path("release").rglob("*"):
        path.chmod(0o755)
    for name in ("config", "deploy"):
        Path("release", name).rename(name)
    for path in Path("release/release").iterdir():
        path.replace(Path("release") / path.name)
    plan, manifest = (Path(path).read_bytes() for path in ("release/plan.json", "deploy/llmix-trust.json"))
    assert cli(DOCTOR)["ok"]
    Path("release/plan.json").unlink()
    cli(PREPARE)
    assert Path("release/plan.json").read_bytes() == plan
    cli(f"{FINALIZE} --minimum-revision {REVISION} --out deploy/again.json")
    assert Path("deploy/again.json").read_bytes() == manifest
