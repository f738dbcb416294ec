"""`mda conformance`: a suite of the tests' own, and the specification's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.commands.mda.conftest import Mda
from tests.presets.signing import INTEGRITY, signature

OK = "---\nname: a\ndescription: D\n---\n"
SIGNER = {**signature(signer="did-web:a.test"), "payload-digest": INTEGRITY["digest"]}


def suite(cli: Mda, *entries: dict[str, Any], **files: Any) -> str:
    import json

    cli.write("suite/manifest.yaml", json.dumps({"version": 1, "fixtures": entries}))
    for name, text in files.items():
        cli.write(f"suite/{name.replace('__', '.')}", text)
    return "conformance --suite suite"


def test_what_each_verdict_wants(cli: Mda) -> None:
    said = cli(
        suite(
            cli,
            {"id": "1", "path": "ok.mda", "verdict": "accept"},
            {"id": "2", "path": "bad.mda", "verdict": "reject"},
            {"id": "3", "path": "bad.mda", "verdict": "reject", "expected-error": "schema-violation"},
            {"id": "4", "path": "open.mda", "verdict": "reject", "extraction-expected": "unterminated-frontmatter"},
            {"id": "5", "path": "x.md", "verdict": "reject", "against": ["schemas/frontmatter-skill-md.schema.json"],
             "extraction-expected": "no-frontmatter"},
            {"id": "6", "path": "x.md", "verdict": "accept"},
            {"id": "7", "path": "p.json", "verdict": "reject"},
            {"id": "8", "path": "wrong.mda", "verdict": "reject", "semantic-checks": ["integrity"],
             "expected-error": "integrity-mismatch"},
            {"id": "9", "verdict": "equal"},
            {"no": "id"},
            5,  # type: ignore[arg-type]
            ok__mda=OK, bad__mda="---\nodd: 1\n---\n", open__mda="---\n", x__md="# x\n", p__json={},
            wrong__mda=f"---\nname: a\nintegrity: {{algorithm: sha256, digest: '{INTEGRITY['digest']}'}}\n---\n",
        )
    )  # fmt: skip
    assert list(said)[7:] == ["suite", "level", "passCount", "failCount", "fixtures"]
    assert (said["passCount"], said["failCount"]) == (8, 0)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"path": "none.mda", "verdict": "accept"}, "conformance.fixture_missing"),
        ({"path": "bad.mda", "verdict": "accept"}, "schema.validation"),
        ({"path": "ok.mda", "verdict": "reject"}, "conformance.expected_error_mismatch"),
        ({"path": "bad.mda", "verdict": "reject", "expected-error": "integrity-mismatch"}, "conformance.expected_error_mismatch"),
        ({"path": "bad.mda", "verdict": "reject", "extraction-expected": "invalid-encoding"}, "conformance.extraction_mismatch"),
        ({"path": "ok.mda", "verdict": "accept", "semantic-checks": ["integrity"]}, "integrity.missing_required"),
    ],
)  # fmt: skip
def test_what_does_not_conform(cli: Mda, entry: dict[str, Any], code: str) -> None:
    said = cli(suite(cli, {"id": "1", **entry}, ok__mda=OK, bad__mda="---\nodd: 1\n---\n"), 1)
    assert [(each["code"], each["path"]) for each in said["diagnostics"]] == [(code, "1")]
    assert said["nextActions"][0]["command"] == "mda conformance --suite suite --level V"


def test_compiling_is_not_done_here(cli: Mda) -> None:
    line = suite(cli, {"id": "1", "verdict": "equal"})
    assert cli.codes(f"{line} --level C") == ["conformance.compile_fixture_unavailable"]


def test_no_suite(cli: Mda) -> None:
    assert cli.codes("conformance", 3) == ["filesystem.io"]
    assert cli.codes("conformance --level X", 2) == ["input.usage"]
    assert cli.codes("conformance word", 2) == ["input.usage"]
    for text in ("[", "fixtures: 5", "- a"):
        cli.write("conformance/manifest.yaml", text)
        assert cli.codes("conformance")[0] in {"conformance.manifest_invalid", "input.frontmatter_yaml_parse"}


def trusted(cli: Mda, policy: Any, entry: dict[str, Any], wanted: str | None, **more: Any) -> None:
    import json

    front = {"name": "a", "description": "D", "integrity": INTEGRITY, "signatures": [entry]}
    case = {"id": "1", "path": "a.mda", "semantic-checks": ["trusted-runtime-policy"], "runtime-policy": "p.json",
            "verdict": "reject" if wanted else "accept", "expected-error": wanted, **more}  # fmt: skip
    cli(
        suite(cli, case, a__mda=f"---\n{json.dumps(front)}\n---\n", **({"p__json": policy} if policy else {}))
    )


def test_what_a_policy_says_of_signers(cli: Mda) -> None:
    by_domain = {"version": 1, "trustedSigners": [{"type": "did-web", "domain": "a.test"}]}
    trusted(cli, None, SIGNER, "no-trusted-signature")
    trusted(cli, by_domain, SIGNER, None)
    trusted(cli, by_domain, {**SIGNER, "signer": "did-web:b.test"}, "no-trusted-signature")
    trusted(cli, {**by_domain, "minSignatures": 2}, SIGNER, "insufficient-trusted-signatures")
    trusted(cli, {"version": 2}, SIGNER, "trust-policy-violation")
    human = {"type": "sigstore-oidc", "issuer": "https://i.test", "subject": "a@b.test"}
    by_human = {"version": 1, "trustedSigners": [human], "rekor": {"url": "https://r.test"}}
    entry = {**SIGNER, "signer": "sigstore-oidc:https://i.test", "rekor-log-id": "x", "rekor-log-index": 1}
    for subject, wanted in (("a@b.test", None), ("c@d.test", "no-trusted-signature")):
        trusted(cli, by_human, entry, wanted, **{"verified-identities": [{**human, "subject": subject}]})


@pytest.mark.shared
def test_the_specifications_suite(cli: Mda, shared: Path) -> None:
    said = cli(f"conformance --suite {shared / 'fixtures/mda-conformance'}")
    assert (said["passCount"], said["failCount"]) == (len(said["fixtures"]), 0)
    assert said["passCount"] >= 18
