"""`mda init`, `validate`, `canonicalize` and `integrity`: a document by itself."""

from __future__ import annotations

import base64
import json
import re
import sys
from typing import TYPE_CHECKING

from muxi_llm.commands.mda.results import Call, Said, diagnostic, told
from muxi_llm.presets import artifact, canonical, source, yaml
from muxi_llm.presets.schemas import NAMES, PROVIDERS

if TYPE_CHECKING:
    from muxi_llm.presets.schema import Kind


def init(call: Call) -> Said:
    """A new document: a scaffold, on stdout or in a file."""
    template, out, is_json = call.option("template"), call.option("out"), "--json" in call.flags
    if template not in {None, "llmix-preset"}:
        raise call.usage(f"Unsupported template: {template}")
    scaffold = _preset(call) if template else _plain(call)
    call.say(**({"scaffold": scaffold} if is_json else {}), out=out, written=False)
    call.free(out)
    what, name = ("LLMix preset", "llmix-source") if template else ("MDA source", "source")
    if not out:
        said, then = (None, f"save-{name}") if is_json else (scaffold, "")
        return call.done(f"Generated {what} scaffold", then, said)
    call.write(out, scaffold)
    call.say(written=True, file=out)
    call.touch("mda-source", out, "source")
    then = f"validate-{name}" + (" write-integrity@optional" if template else "")
    done = call.done(f"Created {what + (' source' if template else '')} at {out}", then, f"wrote {out}")
    return {
        key: value for key, value in done.items() if key not in ({"message", "file"} if is_json else {"file"})
    }


def _plain(call: Call) -> str:
    name = call.file("Expected exactly one name: mda init <name>")
    call.say(name=name)
    about = '"Describe what this Markdown AI document does."'
    front = f"name: {json.dumps(name, ensure_ascii=False)}\ndescription: {about}\n"
    return f"---\n{front}---\n# {name}\n\nDescribe the instructions, workflow, or capability here.\n"


def _preset(call: Call) -> str:
    if call.words:
        raise call.usage("LLMix preset init does not take a positional name")
    said = {name: call.option(name) or "" for name in ("module", "preset", "provider", "model")}
    rules = {
        "module": (re.fullmatch(NAMES["module"], said["module"]), "identifier", f"match {NAMES['module']}"),
        "preset": (re.fullmatch(NAMES["preset"], said["preset"]), "identifier", f"match {NAMES['preset']}"),
        "provider": (said["provider"] in PROVIDERS, "provider", f"be one of {', '.join(PROVIDERS)}"),
        "model": (said["model"].strip(), "model", "be a provider's model"),
    }
    wrong = [
        diagnostic(f"llmix.invalid_{code}", f"--{name} must {text}")
        for name, (is_right, code, text) in rules.items()
        if not is_right
    ]
    if wrong:
        raise call.stop(wrong, "LLMix preset scaffold options are invalid", "fix-llmix-init", 2)
    call.say(template="llmix-preset", **said)
    module, preset = said["module"], said["preset"]
    common = {name: said[name] for name in ("provider", "model")}
    front = {
        "name": "-".join(["llmix", *(name.removeprefix("_").replace("_", "-") for name in (module, preset))]),
        "description": f"LLMix preset {module}/{preset}",
        "metadata": {source.NAMESPACE: {"module": module, "preset": preset, "common": common}},
    }
    text = "".join(map(yaml.block, front, front.values()))
    return f"---\n{text}---\n# {module}/{preset}\n\nDescribe when this LLMix preset should be used.\n"


def validate(call: Call) -> Said:
    """Whether a document is what its kind must be."""
    file = call.file("Expected one file: mda validate <file>")
    kind = call.kind_of(file)
    call.say(file=file, target=kind)
    call.touch("validated-artifact", file, kind)
    failed = f"{kind} validation failed", "fix-validation"
    data = call.artifact(file, *failed)
    errors, warnings = artifact.faults(data, kind, strict="strict" in call.flags)
    if errors:
        wrong = [each for error in errors for each in told(error)]
        raise call.stop(wrong, *failed)
    then = "compile-source" if kind == "source" else "verify-integrity@optional"
    if kind == "source" and source.namespace(source.document(data).front) is not None:
        then = f"write-integrity@optional {then}"
    done = call.done(f"{kind} validation passed", then)
    for warning in warnings:
        text = f"{warning} (taken here; refused by other tools, and with --strict)"
        done["diagnostics"].append({**diagnostic("schema.validation", text), "severity": "warning"})
    return done


def canonicalize(call: Call) -> Said | None:
    """The bytes that a document's digest is over; as they are on stdout, unless JSON is asked for."""
    file = call.file("Expected one file: mda canonicalize <file>")
    kind = call.kind_of(file)
    data, _ = _canonical(call, file, kind, "Canonicalization failed", "fix-canonicalization")
    if "--json" not in call.flags:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return None
    call.touch("canonical-bytes", file, kind)
    call.say(byteLength=len(data), canonicalBytesBase64=base64.b64encode(data).decode())
    return call.done("Canonical bytes generated", "compute-integrity")


def _canonical(call: Call, file: str, kind: Kind, summary: str, then: str) -> tuple[bytes, source.Document]:
    """The canonical bytes of a file, and the document. Ends the command where there are none."""
    sidecar = call.option("sidecar")
    call.say(file=file, target=kind, files=[file, *([sidecar] if sidecar else [])])
    data = call.artifact(file, summary, then)
    with call.guarded(summary, then):
        return artifact.canonical_bytes(data, kind, call.sidecar()), source.document(data)


def integrity_compute(call: Call) -> Said:
    """A document's digest; with `--write`, into its front matter."""
    file = call.file("Expected one file: mda integrity compute <file>")
    kind, algorithm = call.kind_of(file), call.option("algorithm") or "sha256"
    if "write" in call.flags and call.option("sidecar") and kind != "MCP-SERVER.md":
        raise call.usage("--sidecar is only valid with MCP-SERVER.md")
    if algorithm not in canonical.ALGORITHMS:
        raise call.usage(f"Unsupported algorithm: {algorithm}")
    text, found = _canonical(call, file, kind, f"{call.command} failed", "fix-integrity-input")
    digest = canonical.digest(text, algorithm)
    call.say(algorithm=algorithm, digest=digest)
    call.touch("integrity-updated" if "write" in call.flags else "canonical-digest", file, kind, digest)
    if "write" not in call.flags:
        return call.done(f"Computed {algorithm} digest", "record-integrity", digest)
    entry = {"algorithm": algorithm, "digest": digest}
    is_stale = found.front.get("integrity", entry) != entry
    if is_stale and "replace" not in call.flags:
        text_ = (
            "Existing integrity differs from the computed digest; remove it intentionally before rewriting"
        )
        summary = "Existing integrity does not match computed digest"
        call.about = []
        raise call.stop(("integrity.existing_mismatch", text_), summary, "inspect-integrity", written=False)
    if "integrity" in found.front and not is_stale:
        said = "Integrity already matches", "verify-integrity", "integrity already matches"
        return call.done(*said, written=False)
    with call.guarded():
        kept = found.without("signatures") if is_stale and "signatures" in found.front else found
        data = kept.with_entry("integrity", entry)
    call.write(file, data, instead=True)
    return call.done(
        f"Wrote {algorithm} integrity", "verify-integrity", f"wrote integrity to {file}", written=True
    )


def integrity_verify(call: Call) -> Said:
    """Whether a document's digest is its own."""
    file = call.file("Expected one file: mda integrity verify <file>")
    kind = call.kind_of(file)
    text, found = _canonical(call, file, kind, f"{call.command} failed", "fix-integrity-input")
    with call.guarded("Integrity verification failed", "recompute-integrity"):
        entry = artifact.declared(found.front)
        call.say(algorithm=entry["algorithm"])
        digest = canonical.digest(text, entry["algorithm"])
        call.say(expected=digest, declared=entry["digest"])
        call.touch("verified-artifact", file, kind, digest)
        canonical.check_integrity(text, entry)
    return call.done("Integrity verification passed", "validate-artifact")
