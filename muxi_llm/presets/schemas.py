"""MDA's JSON schemas (https://mda.sno.dev/spec/v1.0/schemas/), written shorter: data, and nothing else."""

from __future__ import annotations

import re
from typing import Any

Schema = dict[str, Any]

SIGNERS = 64
"""How many signers a policy may name: the one bound that is ours."""


def _object(properties: Schema, *required: str, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)} | {
        "additionalProperties": False,
        **more,
    }


def _text(pattern: str | None = None, **more: Any) -> Schema:
    # Python's `$` would take a newline at the end for it
    return {"type": "string", **({"pattern": rf"^(?:{pattern})\Z"} if pattern else {}), **more}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _if(name: str, pattern: str, then: Schema) -> Schema:
    return {"if": {"properties": {name: {"pattern": pattern}}}, "then": then}


NEVER: Schema = {"not": {}}
KEBAB = "[a-z0-9]+(-[a-z0-9]+)*"
VERSION = r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?"
DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}
ANY_DIGEST = _text("|".join(f"{name}:[0-9a-f]{{{size}}}" for name, size in DIGESTS.items()))
NAME = _text(KEBAB, minLength=1, maxLength=64)
DATE = _text(format="date-time")
DATE_TIME = re.compile(
    r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):?[0-5]\d)",
    re.ASCII,
)
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")

INTEGRITY = _object(
    {"algorithm": {"enum": list(DIGESTS)}, "digest": _text(r"(sha256|sha384|sha512):[0-9a-f]+")},
    "algorithm",
    "digest",
    allOf=[
        _if("algorithm", f"^{name}$", {"properties": {"digest": _text(f"{name}:[0-9a-f]{{{size}}}")}})
        for name, size in DIGESTS.items()
    ],
)
SIGNATURE = _object(
    {
        "signer": _text("(sigstore-oidc|did-web):[^#]+"),
        "key-id": _text(minLength=1),
        "payload-digest": ANY_DIGEST,
        "algorithm": {"enum": ["ed25519", "ecdsa-p256", "rsa-pss-sha256"]},
        "signature": _text(minLength=1),
        "rekor-log-id": _text(),
        "rekor-log-index": {"type": "integer", "minimum": 0},
        "payload-type": _text(r"application/vnd\.[a-z0-9][a-z0-9.\-]*\+json"),
    },
    *("signer", "key-id", "payload-digest", "algorithm", "signature"),
    allOf=[
        _if("signer", "^sigstore-oidc:", {"required": ["rekor-log-id", "rekor-log-index"]}),
        _if("signer", "^did-web:", {"properties": {"rekor-log-id": NEVER, "rekor-log-index": NEVER}}),
    ],
)
RELATIONSHIP = _object(
    {
        "rel-type": {"enum": ["parent", "child", "related", "cites", "supports", "contradicts", "extends"]},
        "doc-id": _text(minLength=1),
        "rel-desc": _text(),
        "rel-strength": {"type": "number", "minimum": 0, "maximum": 1},
        "bi-directional": {"type": "boolean"},
        "context": {"type": "object", "properties": {"section": _text(), "relevance": _text()}},
    },
    "rel-type",
    "doc-id",
)
EXTENDED: Schema = {
    "doc-id": _text("[a-zA-Z0-9_-]{8,}"),
    "title": _text(),
    "version": _text(VERSION),
    "requires": {"type": "object", "propertyNames": NAME},
    "depends-on": _list(
        _object(
            {"name": NAME, "version-range": _text(rf"\^?{VERSION}"), "digest": ANY_DIGEST},
            "name",
            "version-range",
        )
    ),
    "author": _text(),
    "tags": _list(_text()),
    "created-date": DATE,
    "updated-date": DATE,
    "relationships": _list(RELATIONSHIP),
}
OPEN: Schema = {
    "name": NAME,
    "description": _text(minLength=1, maxLength=1024),
    "license": _text(),
    "compatibility": _text(maxLength=500),
    "metadata": _object({"mda": _object(EXTENDED)}, patternProperties={rf"^{KEBAB}\Z": {"type": "object"}}),
    "integrity": INTEGRITY,
    "signatures": _list(SIGNATURE, minItems=1),
}
SIGNED: Schema = {"dependentRequired": {"signatures": ["integrity"]}}

GITHUB = "https://token.actions.githubusercontent.com"
SIGSTORE_SIGNER = _object(
    {
        "type": {"const": "sigstore-oidc"},
        "issuer": _text(format="uri", minLength=1),
        "subject": _text(minLength=1),
        "repository": _text("[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"),
        "workflow": _text(minLength=1),
        "ref": _text("refs/(heads|tags)/.+"),
        "jobWorkflowRef": _text(minLength=1),
        "environment": _text(minLength=1),
    },
    *("type", "issuer", "subject"),
    **{
        "if": {"properties": {"issuer": {"const": GITHUB}}, "required": ["issuer"]},
        "then": {
            "anyOf": [
                {"required": ["repository", "workflow", "ref"]},
                {"required": ["repository", "jobWorkflowRef"]},
            ]
        },
    },
)
DOMAIN = "[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
DID_WEB_SIGNER = _object({"type": {"const": "did-web"}, "domain": _text(DOMAIN)}, "type", "domain")
WITH_SIGSTORE: Schema = {
    "properties": {
        "trustedSigners": {
            "contains": {"properties": {"type": {"const": "sigstore-oidc"}}, "required": ["type"]}
        }
    },
    "required": ["trustedSigners"],
}

PROVIDERS = (
    "openai", "anthropic", "google", "deepseek", "openrouter", "deepinfra", "novita", "together", "sno-gpu",
)  # fmt: skip
STRATEGIES = ("native", "gateway", "disabled", "redis", "redis-or-memory", "memory")
NAMES = {
    "module": "_default|[a-z][a-z0-9_]{0,63}",
    "preset": "_base[a-z0-9_]*|[a-z][a-z0-9_]{0,63}",
    "scope": "_default|[a-z][a-z0-9_-]{0,63}",
}
POSITIVE: Schema = {"type": "integer", "minimum": 1}
FLAG: Schema = {"type": "boolean"}
LLMIX: Schema = {
    "module": _text(NAMES["module"]),
    "preset": _text(NAMES["preset"]),
    "common": _object(
        {
            "provider": {"enum": list(PROVIDERS)},
            "model": _text(r"(?s:.*\S.*)"),
            "maxOutputTokens": POSITIVE,
            "temperature": {"type": "number", "minimum": 0, "maximum": 2},
            "topP": {"type": "number", "minimum": 0, "maximum": 1},
            "topK": POSITIVE,
            "presencePenalty": {"type": "number"},
            "frequencyPenalty": {"type": "number"},
            "stopSequences": _list(_text()),
            "seed": {"type": "integer"},
            "maxRetries": {"type": "integer", "minimum": 0},
            "enableThinking": FLAG,
            "keepThinkingOutput": FLAG,
        },
        "provider",
        "model",
    ),
    "providerOptions": _object({name: {"type": "object"} for name in PROVIDERS}),
    "caching": _object(
        {"strategy": {"enum": list(STRATEGIES)}, "key": _text(), "ttl": POSITIVE, "maxItems": POSITIVE},
        "strategy",
    ),
}
LOADED: Schema = {
    "timeout": {"type": "object"},
    "description": _text(),
    "deprecated": FLAG,
    "tags": _list(_text()),
    "bypassGateway": FLAG,
}
"""What loaders take beside it, and `mda validate` does not."""

LLMIX_CODES = (
    (" required .*'common'|/common type", "llmix.missing_common"),
    (" additionalProperties", "llmix.unknown_namespace_key"),
    ("/common additionalProperties", "llmix.unknown_common_key"),
    ("/caching additionalProperties", "llmix.unknown_caching_key"),
    ("/(module|preset) ", "llmix.invalid_identifier"),
    ("/common(/provider | required .*'provider')", "llmix.invalid_provider"),
    ("/common(/model | required .*'model')", "llmix.invalid_model"),
    ("/common/", "llmix.invalid_common"),
    ("/providerOptions", "llmix.invalid_provider_options"),
    ("/caching", "llmix.invalid_caching"),
    ("", "llmix.invalid_namespace"),
)
"""What `mda` calls a fault in LLMix's namespace, by where it is, its keyword, and what is said of it."""

FIXTURE = _object(
    {
        **{name: _text(minLength=1) for name in ("issuer", "subject", "workflow", "keyId", "publicKeyPem")},
        "repository": _text("[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"),
        "ref": _text("refs/(heads|tags)/.+"),
        "algorithm": {"const": "ed25519"},
        "expectedPayloadDigest": ANY_DIGEST,
        "rekor": _object(
            {
                "url": _text(minLength=1),
                "logId": _text(minLength=1),
                "logIndex": {"type": "integer", "minimum": 0},
                "payloadDigest": ANY_DIGEST,
            },
            *("url", "logId", "logIndex", "payloadDigest"),
        ),
    },
    *("issuer", "subject", "repository", "workflow", "ref", "keyId", "algorithm", "publicKeyPem"),
    *("expectedPayloadDigest", "rekor"),
    additionalProperties=True,
)

NULLABLE: Schema = {"type": ["string", "null"]}
PLAN = _object(
    {
        "kind": {"const": "llmix-release-plan"},
        "version": {"const": 1},
        "sourceSetDigest": ANY_DIGEST,
        "sources": {"type": "array"},
    },
    *("kind", "version", "sourceSetDigest", "sources"),
    additionalProperties=True,
)
ROOT = _object(
    {
        "revision": _text("[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"),
        "published_at": DATE,
        "files": {"type": "array"},
    },
    *("revision", "published_at", "files"),
    additionalProperties=True,
)
CHECKLIST: list[Schema] = [
    {"id": "source-validation", "ok": True},
    {"id": "integrity-verification", "ok": True},
    {"id": "signature-verification", "ok": True},
    {
        "id": "registry-publish",
        "ok": False,
        "external": True,
        "reason": "Publish with LLMix trustedRuntime=true using this verified source set.",
    },
]
PUBLISH: Schema = {
    "external": True,
    "trustedRuntime": True,
    "next": "Run the LLMix registry publisher with this verified source set, then sign the registry root "
    "before generating the trust manifest.",
}
"""What every plan says of the steps that led to it, and of the next one."""

PLANNED = {
    "module": re.compile(NAMES["module"]),
    "preset": re.compile(NAMES["preset"]),
    "sourcePath": re.compile(".+"),
    "rawSourceDigest": re.compile("sha256:[0-9a-f]{64}"),
    "expectedRegistryEntryIdentity": re.compile(".+"),
}
NAMED = {
    "path": re.compile(".+"),
    "sha256": re.compile("[0-9a-f]{64}"),
    "role": re.compile("source|resolved"),
}
"""What an entry of a plan's sources, and of a root's files, must have: there may be thousands."""

MANIFEST = _object(
    {
        "kind": {"const": "llmix-trust-manifest"},
        "version": {"const": 1},
        "expectedRootDigest": ANY_DIGEST,
        "sourceSetDigest": ANY_DIGEST,
        "releasePlanDigest": ANY_DIGEST,
        **dict.fromkeys(("minimumRevision", "minimumPublishedAt", "highWatermark"), NULLABLE),
        "registryRoot": _object(
            {
                "path": _text(minLength=1),
                "revision": _text(minLength=1),
                "publishedAt": DATE,
                "highWatermark": _text(minLength=1),
            },
            *("path", "revision", "publishedAt", "highWatermark"),
            additionalProperties=True,
        ),
        "releasePlan": _object(
            {"path": _text(minLength=1), "sourceCount": {"type": "integer", "minimum": 0}},
            *("path", "sourceCount"),
            additionalProperties=True,
        ),
    },
    *("kind", "version", "expectedRootDigest", "sourceSetDigest", "releasePlanDigest"),
    *("registryRootTrustPolicy", "registryRoot", "releasePlan"),
    additionalProperties=True,
)

SCHEMAS: dict[str, Schema] = {
    "source": _object({**OPEN, **EXTENDED, "allowed-tools": _text()}, **SIGNED),
    "SKILL.md": _object({**OPEN, "allowed-tools": _text()}, "name", "description", **SIGNED),
    "AGENTS.md": _object(OPEN, **SIGNED),
    "MCP-SERVER.md": _object(OPEN, "name", "description", **SIGNED),
    "relationship": RELATIONSHIP,
    "llmix": _object(LLMIX, "common"),
    "llmix-loaded": _object({**LLMIX, **LOADED}, "common"),
    "fixture": FIXTURE,
    "plan": PLAN,
    "root": ROOT,
    "manifest": MANIFEST,
    "policy": _object(
        {
            "version": {"type": "integer", "const": 1},
            "minSignatures": {"type": "integer", "minimum": 1},
            "trustedSigners": _list(
                {"oneOf": [SIGSTORE_SIGNER, DID_WEB_SIGNER]}, minItems=1, maxItems=SIGNERS, uniqueItems=True
            ),
            "rekor": _object({"url": _text(format="uri")}, "url"),
        },
        *("version", "trustedSigners"),
        **{"if": WITH_SIGSTORE, "then": {"required": ["rekor"]}, "else": {"properties": {"rekor": NEVER}}},
    ),
}

TEXTS = {
    "type": "must be {}",
    "required": "must have required property '{}'",
    "additionalProperties": "must NOT have additional properties ({})",
    "enum": "must be equal to one of the allowed values",
    "const": "must be equal to constant",
    "pattern": 'must match pattern "{}"',
    "format": 'must match format "{}"',
    "minLength": "must NOT have fewer than {} characters",
    "maxLength": "must NOT have more than {} characters",
    "minItems": "must NOT have fewer than {} items",
    "maxItems": "must NOT have more than {} items",
    "uniqueItems": "must NOT have duplicate items",
    "minimum": "must be >= {}",
    "maximum": "must be <= {}",
    "dependentRequired": "must have property integrity when property signatures is present",
    "not": "must NOT be there",
    "oneOf": "must match exactly one schema in oneOf",
    "anyOf": "must match a schema in anyOf",
}
"""What is said of a fault, in the words of Ajv, which the JavaScript tools speak with."""
