"""`llmix publish-registry | check-registry | list | diff | rollback`: LLMix's own two, and three around them.

Each gives one object, printed as JSON or as a few lines for people. Errors are `{"ok": false, "error": …}` on
standard error, by LLMix's contract.
"""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from muxi_llm.llmix.config_registry import (
    compare_revisions,
    list_revisions,
    previous_revision,
    root_signer,
    tampered,
)
from muxi_llm.presets import canonical, evidence, loading, opening, root, trust
from muxi_llm.presets.errors import InvalidConfigError, LLMConfigError, MdaError
from muxi_llm.presets.publish import (
    ConfigRegistryPublisher,
    ConfigRegistryPublishOptions,
    RegistryRootSigningOptions,
    discover,
)
from muxi_llm.presets.release import read_release
from muxi_llm.providers.spelling import camel_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.presets.publish import RegistryRootSigningInput
    from muxi_llm.presets.source import Preset

Answer = tuple[dict[str, Any], list[str]]


class UsageError(Exception):
    """The options are none, or do not go together."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status."""
    as_json = "--json" in arguments
    try:
        given = _parser().parse_args(arguments)
        said, lines = given.run(given)
    except (UsageError, LLMConfigError, OSError) as error:
        told = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
        whole = json.dumps({"ok": False, "error": told}, ensure_ascii=False)
        print(whole if as_json else f"llmix: {told}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    is_plain = "NO_COLOR" in os.environ or not sys.stdout.isatty()
    lines = ["ok: " + given.command if is_plain else f"\x1b[32mok\x1b[0m: {given.command}", *lines]
    whole = json.dumps({"ok": True, "command": given.command, **said}, indent=2, ensure_ascii=False)
    try:
        print(whole if as_json else "\n".join(lines), flush=True)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


# ---------------------------------------------------------------------------------- publish-registry


def _publish(given: argparse.Namespace) -> Answer:
    registry = Path(given.root).resolve()
    plan = _plan(given, registry)
    sources = discover(registry / "source")
    planned = {each["expectedRegistryEntryIdentity"]: each["rawSourceDigest"] for each in plan["sources"]}
    if other := sorted(planned.keys() ^ sources.keys()):
        raise InvalidConfigError(f"sources are not the release plan's: {', '.join(other)}")
    (policy,) = loading.read_values([given.policy], "trust policy")
    verifier = loading.did_web_files(given.did_document) if given.did_document else None
    demanded = loading.LoadOptions(trusted_runtime=True, trust_policy=policy, did_web_verifier=verifier)

    def load(name: str, data: bytes) -> Preset:
        if canonical.digest(data) != planned[name]:
            raise InvalidConfigError(f"source digest is not the release plan's: {name}")
        module, _, preset = name.partition("/")
        try:
            return loading.checked(data, demanded, module=module, preset=preset)
        except MdaError as error:
            raise error.at(f"{name}.mda") from error

    options = ConfigRegistryPublishOptions(_signing(given, demanded), load, sources)
    publisher = ConfigRegistryPublisher(registry)
    told = publisher.publish(given.revision, given.activate, options)
    facts = {camel_name(name): value for name, value in asdict(told).items() if name != "created"}
    said: dict[str, Any] = {"root": str(registry), "releasePlan": str(Path(given.release_plan).resolve())}
    said |= dict.fromkeys(("revision", "activated")) | {"current": str(registry / root.POINTER)} | facts
    if given.keep:
        said["collected"] = publisher.collect(given.keep)
    return said, [f"{told.revision}: {', '.join(told.preset_ids)}", _finalize(given)]


def _finalize(given: argparse.Namespace) -> str:
    """What comes next."""
    at = f"{given.root}/{root.COMPILED}/{given.revision}/{root.ROOT}"
    words = f"mda release finalize --target llmix-registry --registry-dir {given.root} --registry-root {at}"
    words += f" --release-plan {given.release_plan} --policy {given.policy} --derive-root-digest"
    words += f" --minimum-revision {given.revision} --out deploy/llmix-trust.json"
    return "Next: " + words + "".join(f" --did-document {path}" for path in given.did_document)


def _plan(given: argparse.Namespace, registry: Path) -> Mapping[str, Any]:
    """The release plan, if it is this registry's and outside of it."""
    if Path(given.release_plan).resolve().is_relative_to(registry):
        raise InvalidConfigError(f"release plan must be outside the registry root: {given.release_plan}")
    (plan,) = loading.read_values([given.release_plan], "release plan")
    if faults := evidence.plan_faults(plan):
        raise InvalidConfigError("; ".join(text for _, text in faults))
    if Path(plan["registryDir"]).resolve() != registry:
        raise InvalidConfigError(f"release plan is for another registry: {plan['registryDir']}")
    return dict(plan)


def _signing(given: argparse.Namespace, demanded: loading.LoadOptions | None) -> RegistryRootSigningOptions:
    """The key of the options; with *demanded*, nothing is published that its policy would not trust."""
    sign = root_signer(given.root_did, given.root_key_id, Path(given.root_key_file).read_bytes())

    def signed(asked: RegistryRootSigningInput) -> Any:
        entry = sign(asked)
        if demanded is not None:
            policy, types = trust.check_policy(demanded.trust_policy), {asked.payload_type}
            payload, checkers = asked.canonical_payload, demanded.checkers()
            trust.verify([entry], asked.integrity, policy, checkers, payload=payload, types=types)
        return entry

    return RegistryRootSigningOptions(signed)


# ------------------------------------------------------------------------------------ check-registry


def _check(given: argparse.Namespace) -> Answer:
    if len([part for part in given.preset.split("/") if part]) != 2:
        raise UsageError("--preset must use <module>/<preset>")
    opening.outside(given.root, given.trust)
    (manifest,) = loading.read_values([given.trust], "trust")
    if not given.did_document and '"did-web"' in json.dumps(manifest):
        raise UsageError("did:web policy requires --did-document")
    wanted = {"trust": manifest, "did_documents": given.did_document}
    served = opening.open(given.root, **wanted)
    config, revision = served.preset(given.preset).config, served.active_revision
    message = tampered(given.root, revision, **wanted) if given.tamper_proof else None
    said = {
        "root": str(Path(given.root).resolve()),
        "trust": str(Path(given.trust).resolve()),
        "activeRevision": revision,
        "preset": given.preset,
        "provider": config["provider"],
        "model": config["model"],
        "tamperProof": {"ok": True, "rejected": True, "message": message} if message else None,
    }
    lines = [f"{given.preset} of {revision}: {config['provider']}/{config['model']}"]
    return said, [*lines, f"changed content is refused: {message}"] if message else lines


# --------------------------------------------------------------------------------- list, diff, rollback


def _list(given: argparse.Namespace) -> Answer:
    rows = list_revisions(given.root)
    active = next((row["revision"] for row in rows if row["active"]), None)
    lines = [
        f"{'* '[not one['active']]} {one['revision']} {one['error'] or one['publishedAt']}" for one in rows
    ]
    return {"root": str(Path(given.root).resolve()), "active": active, "revisions": rows}, lines


def _diff(given: argparse.Namespace) -> Answer:
    other = given.other or ConfigRegistryPublisher(given.root).active()
    said = compare_revisions(given.root, given.one, other or "")
    lines = [f"+ {name}" for name in said["added"]] + [f"- {name}" for name in said["removed"]]
    for name, paths in said["changed"].items():
        lines.append(f"  {name}")
        lines += [f"    {path}: {json.dumps(a)} -> {json.dumps(b)}" for path, (a, b) in paths.items()]
    return said, lines


def _rollback(given: argparse.Namespace) -> Answer:
    publisher = ConfigRegistryPublisher(given.root)
    before, to = publisher.active(), given.to or previous_revision(given.root)
    if given.revision:
        if not (given.root_did and given.root_key_id and given.root_key_file):
            raise UsageError("--revision needs --root-did, --root-key-id and --root-key-file")
        read_release(publisher.registry, to)  # it must be what it was
        sources = discover(publisher.registry / root.COMPILED / to / "source")
        options = ConfigRegistryPublishOptions(_signing(given, None), None, sources)
        told = publisher.publish(given.revision, options=options)
    else:
        told = publisher.activate(to)
    lines = [f"{before} -> {told.revision}"]
    if told.registry_root_path and not given.revision:
        lines.append("Who trusts a signer from a newer revision on refuses it: publish it anew (--revision).")
    return {"root": str(publisher.registry), "from": before, "to": to, "revision": told.revision}, lines


# -------------------------------------------------------------------------------------------- options


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="llmix", description="Releases of presets.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run: Any, text: str, options: str = "") -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument("--root", default="config/llm", help="the registry; default %(default)s")
        made.add_argument("--json", action="store_true")
        for option in options.split():
            made.add_argument(f"--{option.rstrip('!')}", required=option.endswith("!"))
        made.set_defaults(run=run)
        return made

    options = "release-plan! revision! policy! root-did! root-key-id! root-key-file!"
    made = command("publish-registry", _publish, "publish the sources of a release plan, signed", options)
    made.add_argument("--did-document", action="append", default=[], help="keys of a domain; may be repeated")
    made.add_argument("--no-activate", dest="activate", action="store_false", help="do not serve it")
    made.add_argument("--keep", type=int, metavar="N", help="take away all but the N newest releases")
    made = command("check-registry", _check, "open it as a service would, read a preset", "trust! preset!")
    made.add_argument("--did-document", action="append", default=[], help="keys of a domain; may be repeated")
    made.add_argument("--tamper-proof", action="store_true", help="see that a changed copy is refused")
    command("list", _list, "the releases there are; * is served")
    made = command("diff", _diff, "what changed between two releases")
    made.add_argument("one", metavar="REVISION")
    made.add_argument("other", metavar="REVISION", nargs="?", help="default: the one that is served")
    text = "serve an earlier release (--to), or publish it anew (--revision, --root-...)"
    command("rollback", _rollback, text, "to revision root-did root-key-id root-key-file")
    return parser
