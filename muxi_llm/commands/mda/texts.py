"""What `mda` says: its next steps, codes and help. Tables, and nothing else."""

from __future__ import annotations

NEXT: dict[str, tuple[bool, str, str]] = {
    "show-help": (True, "Review command usage", "mda --help"),
    "fix-filesystem": (True, "Fix the filesystem path or permissions and retry", "mda {command}"),
    "validate-source": (True, "Validate the source file", "mda validate {file} --target source"),
    "save-source": (True, "Save this scaffold to a .mda file", "> write the scaffold bytes to disk"),
    "fix-llmix-init": (
        True,
        "Fix the LLMix preset options and retry",
        "mda init --template llmix-preset --module search_summary --preset openai_fast --provider openai "
        "--model gpt-5-mini --out search_summary/openai_fast.mda",
    ),
    "validate-llmix-source": (True, "Validate the LLMix source file", "mda validate {file} --target source"),
    "write-integrity@optional": (
        False,
        "Record integrity before release",
        "mda integrity compute {file} --target source --write",
    ),
    "save-llmix-source": (
        True,
        "Save this scaffold to a .mda file under the module directory",
        "> write the scaffold bytes to disk",
    ),
    "fix-validation": (
        True,
        "Fix the reported diagnostics and re-run validation",
        "mda validate {file} --target {target}",
    ),
    "compile-source": (
        False,
        "Compile the source into runtime Markdown, with @markdown-ai/cli; presets need none",
        "> mda compile {file} --target SKILL.md AGENTS.md --out-dir out --integrity",
    ),
    "verify-integrity@optional": (
        False,
        "Verify declared integrity before use",
        "mda integrity verify {file} --target {target}",
    ),
    "fix-canonicalization": (
        True,
        "Fix the reported diagnostics and retry",
        "mda canonicalize {file} --target {target}",
    ),
    "compute-integrity": (
        False,
        "Compute an integrity digest for these bytes",
        "mda integrity compute {file} --target {target}",
    ),
    "fix-integrity-input": (
        True,
        "Fix the reported diagnostics and retry",
        "mda {command} {file} --target {target}",
    ),
    "fix-frontmatter": (
        True,
        "Add frontmatter and retry integrity write",
        "mda validate {file} --target {target}",
    ),
    "inspect-integrity": (
        True,
        "Inspect or remove the stale integrity field before retrying",
        "mda integrity verify {file} --target {target}",
    ),
    "verify-integrity": (
        True,
        "Verify the recorded integrity before release",
        "mda integrity verify {file} --target {target}",
    ),
    "record-integrity": (
        True,
        "Record this digest in the artifact integrity field",
        "> update frontmatter.integrity before publishing",
    ),
    "validate-artifact": (
        False,
        "Validate the artifact before use",
        "mda validate {file} --target {target}",
    ),
    "recompute-integrity": (
        True,
        "Recompute the digest after fixing the file",
        "mda integrity compute {file} --target {target}",
    ),
    "provide-did-web-key": (
        True,
        "Provide the explicit did:web private key file",
        "mda sign {file} --profile did-web --did {did} --key-id {key-id} --key-file <private-key> --out signed.mda",
    ),
    "write-integrity": (
        True,
        "Record integrity before signing",
        "mda integrity compute {file} --target {target} --write",
    ),
    "verify-signature": (
        True,
        "Verify the signed artifact with a trust policy",
        "mda verify {out} --policy <policy.json> --did-document <did-document.json>",
    ),
    "verify-github-actions-signature": (
        True,
        "Verify the signed release artifact with the pinned trust policy and fixture",
        "mda verify {out} --policy <policy.json> --offline-sigstore-fixture {offline-sigstore-fixture}",
    ),
    "provide-sigstore-fixture": (
        True,
        "Provide the explicit Sigstore/Rekor fixture matching this release identity",
        "mda verify {file} --policy {policy} --offline-sigstore-fixture <sigstore-fixture.json>",
    ),
    "fix-did-document": (
        True,
        "Provide the DID document containing the signature key",
        "mda verify {file} --policy {policy} --did-document <did-document.json>",
    ),
    "sign-with-trusted-identity": (
        True,
        "Sign the artifact with a did:web identity allowed by the policy",
        "mda sign {file} --profile did-web --did did:web:<domain> --key-id did:web:<domain>#<key> "
        "--key-file <private-key> --out signed.mda",
    ),
    "add-signatures": (
        True,
        "Add enough trusted signatures to satisfy minSignatures",
        "mda sign {file} --profile did-web --did did:web:<domain> --key-id did:web:<domain>#<key> "
        "--key-file <private-key> --out signed.mda",
    ),
    "publish-artifact": (
        False,
        "Use this verified artifact in the release flow",
        "> continue to release-plan or trust-manifest generation",
    ),
    "verify-signed-preset": (
        True,
        "Verify a signed preset with this policy",
        "mda verify signed.mda --target source --policy {out} --did-document did-web-document.json",
    ),
    "save-trust-policy": (
        True,
        "Save this policy JSON before release verification",
        "> write the policy bytes to disk",
    ),
    "sign-github-actions-release": (
        True,
        "Sign the release artifact with GitHub Actions Sigstore/Rekor evidence",
        "mda sign release.mda --profile github-actions --repo {repo} --workflow {workflow} --ref {ref} --rekor "
        "--offline-sigstore-fixture sigstore-fixture.json --out signed-release.mda",
    ),
    "verify-github-actions-release": (
        True,
        "Verify the signed release with this pinned policy",
        "mda verify signed-release.mda --policy {out} --offline-sigstore-fixture sigstore-fixture.json",
    ),
    "use-did-web-policy-profile": (
        True,
        "Use did:web for local deterministic signing",
        "mda release trust policy --target llmix-registry --profile did-web --domain example.com "
        "--out release-trust-policy.json",
    ),
    "use-github-actions-policy-profile": (
        True,
        "Use GitHub Actions Sigstore/Rekor for CI release signing",
        "mda release trust policy --target llmix-registry --profile github-actions --repo owner/repo "
        "--workflow release.yml --ref refs/heads/main --out release-trust-policy.json",
    ),
    "use-llmix-registry-target": (
        True,
        "Use the supported LLMix registry release target",
        "mda {command} --target llmix-registry",
    ),
    "use-release-command": (True, "Use the generic release command surface", "{new}"),
    "add-llmix-source": (
        True,
        "Add signed LLMix .mda preset sources and retry",
        "mda release prepare --target llmix-registry --source {source} --registry-dir {registry-dir} "
        "--policy {policy} --out {out}",
    ),
    "fix-source-validation": (
        True,
        "Fix validation, integrity, and signature diagnostics before release planning",
        "mda validate <source.mda> --target source",
    ),
    "verify-source-signature": (
        True,
        "Verify each signed preset with the selected trust policy",
        "mda verify <signed.mda> --target source --policy {policy}",
    ),
    "publish-llmix-registry": (
        True,
        "Publish the verified source set with LLMix trustedRuntime=true",
        "> llmix publish-registry --root {registry-dir} --release-plan {out} --policy {policy} --revision <revision> "
        "--root-did <did> --root-key-id <key-id> --root-key-file <private-key>",
    ),
    "prepare-trust-manifest-inputs": (
        False,
        "After registry publication, collect the signed registry root and root trust policy for trust "
        "manifest generation",
        "> wait for the signed registry root evidence before running the trust manifest step",
    ),
    "write-external-manifest": (
        True,
        "Write the deployment trust manifest outside config/llm or the selected registry directory",
        "mda release finalize --target llmix-registry --registry-dir {registry-dir} --registry-root {registry-root} "
        "--release-plan {release-plan} --policy {policy} --derive-root-digest --out release/llmix-trust.json",
    ),
    "use-registry-root-from-registry": (
        True,
        "Pass the signed registry-root evidence from the selected registry directory",
        "mda release finalize --target llmix-registry --registry-dir {registry-dir} "
        "--registry-root {registry-dir}/compiled/<revision>/registry-root.json --release-plan {release-plan} "
        "--policy {policy} --derive-root-digest --out {out}",
    ),
    "fix-registry-root": (
        True,
        "Fix registry-root evidence, signature, freshness, or source-set mismatches before writing "
        "deployment anchors",
        "mda release finalize --target llmix-registry --registry-dir {registry-dir} --registry-root {registry-root} "
        "--release-plan {release-plan} --policy {policy} --derive-root-digest --out {out}",
    ),
    "install-external-trust-manifest": (
        False,
        "Install this external trust manifest in the deployment configuration outside config/llm",
        "> copy {out} into the deployment config path consumed by secure LLMix startup",
    ),
    "deploy-signed-registry": (
        False,
        "Deploy only the signed registry files covered by this manifest and release plan",
        "> publish {registry-dir} with registry root {registry-root} and release plan {release-plan}",
    ),
    "add-registry-dir": (
        True,
        "Pass the registry directory so MDA can prove trust artifacts remain outside it",
        "mda release finalize --target llmix-registry --registry-dir <registry-dir> --manifest {manifest} "
        "--snippet-format {snippet-format} --snippet-out {snippet-out}",
    ),
    "write-external-snippet": (
        True,
        "Write deployment snippets outside config/llm or the selected registry directory",
        "mda release finalize --target llmix-registry --registry-dir {registry-dir} "
        "--manifest release/llmix-trust.json --snippet-format {snippet-format} --snippet-out release/trust.{snippet-format}",
    ),
    "regenerate-trust-manifest": (
        True,
        "Regenerate a valid external trust manifest before producing deployment snippets",
        "mda release finalize --target llmix-registry --registry-dir <registry> "
        "--registry-root <registry-root.json> --release-plan <release-plan.json> --policy <policy.json> "
        "--derive-root-digest --out release/llmix-trust.json",
    ),
    "install-deployment-snippet": (
        False,
        "Install this snippet in deployment configuration outside config/llm",
        "> wire {snippet-out} into the deployment environment that starts secure LLMix",
    ),
    "run-release-doctor": (
        False,
        "Check the source, registry, and manifest before deployment",
        "mda doctor release --target llmix-registry --source <source-dir> --registry-dir {registry-dir} "
        "--release-plan {release-plan} --manifest {manifest}",
    ),
    "create-release-plan": (
        True,
        "Prepare the verified release plan before final deployment checks",
        "mda release prepare --target llmix-registry --source {source} --registry-dir {registry-dir} "
        "--policy <policy.json> --out {release-plan}",
    ),
    "create-trust-manifest": (
        True,
        "Generate the external deployment trust manifest before release",
        "mda release finalize --target llmix-registry --registry-dir {registry-dir} "
        "--registry-root <registry-root.json> --release-plan {release-plan} --policy <policy.json> "
        "--derive-root-digest --out {manifest}",
    ),
    "fix-release-state": (
        True,
        "Fix the reported source, registry, manifest, freshness, or placement issue and run doctor again",
        "mda doctor release --target llmix-registry --source {source} --registry-dir {registry-dir} "
        "--release-plan {release-plan} --manifest {manifest}",
    ),
    "deploy-secure-llmix": (
        False,
        "Deploy the signed registry with the external trust manifest and generated deployment snippet",
        "> use the deployment system that mounts the manifest outside config/llm",
    ),
    "fix-conformance": (
        True,
        "Fix failing fixtures and re-run conformance",
        "mda conformance --suite {suite} --level {level}",
    ),
}
"""By id: whether it must be done, why, and the command; after `>` it is for another tool than this one."""

CODES = {
    "invalid-encoding": "input.invalid_encoding",
    "unterminated-frontmatter": "input.unterminated_frontmatter",
    "frontmatter-yaml-parse-error": "input.frontmatter_yaml_parse",
    "missing-required-frontmatter": "input.missing_required_frontmatter",
    "missing-required-body": "input.missing_required_body",
    "invalid-json": "input.invalid_json",
    "schema-violation": "schema.validation",
    "project-schema-violation": "llmix.invalid_namespace",
    "signatures-without-integrity": "integrity.missing_required",
    "missing-required-sidecar": "integrity.missing_required_sidecar",
    "missing-required-integrity": "integrity.missing_required",
    "integrity-mismatch": "integrity.mismatch",
    "missing-required-signature": "signature.missing_required",
    "signature-digest-mismatch": "signature.digest_mismatch",
    "signature-verification-failure": "signature.verification_failed",
    "unknown-signer-method": "signature.invalid_entry",
    "trust-policy-violation": "trust_policy.violation",
    "no-trusted-signature": "trust_policy.no_trusted_signature",
    "insufficient-trusted-signatures": "trust_policy.insufficient_trusted_signatures",
}
"""By the specification's category: what the command calls it."""

MIGRATED = {
    "llmix release plan": "mda release prepare --target llmix-registry",
    "llmix trust policy": "mda release trust policy --target llmix-registry",
    "llmix trust manifest": "mda release finalize --target llmix-registry",
    "llmix trust snippets": "mda release finalize --target llmix-registry --registry-dir <registry-dir> "
    "--manifest <manifest> --snippet-format <format> --snippet-out <path>",
    "llmix": "mda release --help",
    "doctor llmix": "mda doctor release --target llmix-registry",
}
"""Commands of old, and what they are now."""

HELP = """\
mda: MDA documents (.mda), their digests and signatures, and the papers of a release

  mda init <name> [--out <file>]
  mda init --template llmix-preset --module <name> --preset <name> --provider <provider> --model <model>
           [--out <file>]
  mda validate <file> [--target <target>] [--strict]
  mda canonicalize <file> [--target <target>] [--sidecar <file>]
  mda integrity compute <file> [--target <target>] [--sidecar <file>] [--algorithm sha256|sha384|sha512] [--write [--replace]]
  mda integrity verify <file> [--target <target>] [--sidecar <file>]
  mda sign <file> --profile did-web --did <did> --key-id <id> --key-file <file> (--out <file>|--in-place)
  mda sign <file> --profile github-actions --repo <owner/repo> --workflow <file> --ref <ref> --rekor
           --offline-sigstore-fixture <file> (--out <file>|--in-place)
  mda verify <file> --policy <file> [--did-document <file>]... [--offline-sigstore-fixture <file>]
  mda release trust policy --target llmix-registry --profile did-web --domain <domain> [--min-signatures <n>]
           [--out <file>]
  mda release trust policy --target llmix-registry --profile github-actions --repo <owner/repo>
           --workflow <file> --ref <ref> [--out <file>]
  mda release prepare --target llmix-registry --source <folder> --registry-dir <folder> --policy <file>
           --out <file> [--did-document <file>]... [--offline-sigstore-fixture <file>]
  mda release finalize --target llmix-registry --registry-dir <folder> --registry-root <file>
           --release-plan <file> --policy <file> (--expected-root-digest <digest>|--derive-root-digest)
           [--minimum-revision <r>] [--minimum-published-at <time>] [--high-watermark <r>] --out <file>
           [--did-document <file>]... [--offline-sigstore-fixture <file>]
  mda release finalize --target llmix-registry --registry-dir <folder> --manifest <file>
           --snippet-format json|env|kubernetes|github-actions|terraform|typescript|python|rust
           --snippet-out <file>
  mda doctor release --target llmix-registry --source <folder> --registry-dir <folder> --release-plan <file>
           --manifest <file> [--did-document <file>]... [--offline-sigstore-fixture <file>]
  mda conformance [--suite <folder>] [--level V|C]
  mda version

<target> is source, SKILL.md, AGENTS.md, MCP-SERVER.md or auto. Options may be written --name=value.
Everywhere: --json (one JSON object on stdout), --quiet, --verbose, --no-color, --no-next, -h, --help, --version.
Exit codes: 0 done, 1 not valid or not verified, 2 not understood, 3 not readable or already there, 4 a bug.
"""
