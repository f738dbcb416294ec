"""The demo's model swap: a service under load, while `mda` and `llmix` publish another model for it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import muxi_llm
from muxi_llm.commands.demo.sections import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.commands.demo.stage import Stage

A_SECOND = 200
"""Calls the service makes."""

SOURCE = "config/llm/source/chat/main.mda"
KEY = "did:web:config.example.com#release"
SIGNED = f"--key-id {KEY} --key-file release/key.pem"
PUBLISH = f"""\
mda init --template llmix-preset --module chat --preset main --provider PROVIDER --model MODEL --out SOURCE
mda integrity compute SOURCE --target source --write
mda sign SOURCE --profile did-web --did did:web:config.example.com {SIGNED} --in-place
mda release prepare --target llmix-registry --source config/llm/source --registry-dir config/llm \
 --policy release/policy.json --did-document release/did.json --out release/PLAN.json
llmix publish-registry --root config/llm --release-plan release/PLAN.json --revision PLAN \
 --policy release/policy.json --did-document release/did.json --root-did did:web:config.example.com \
 --root-key-id {KEY} --root-key-file release/key.pem"""
POLICY = (
    "mda release trust policy --target llmix-registry --profile did-web --domain config.example.com"
    " --out release/policy.json"
)


def model_swap(stage: Stage) -> None:
    """A model swapped by a signed release, while a service makes 200 calls a second"""
    missing = next((name for name in ("cryptography", "ruamel", "rfc8785") if find_spec(name) is None), "")
    if missing:
        stage.skip(f"presets need {missing} (pip install 'muxi-llm[presets]')")
        return
    with tempfile.TemporaryDirectory() as folder:
        identify(Path(folder))
        run(folder, POLICY)
        for line in release("2026-01-01T000000Z", "google", "gemini-3.5-flash"):
            run(folder, line)
        *before, last = release("2026-02-01T000000Z", "anthropic", "claude-sonnet-5")
        (Path(folder) / SOURCE).unlink()
        for line in before:
            run(folder, line)
        with configured(Path(folder)):
            answers, took = asyncio.run(serve(folder, last))
    said = [(answer.muxi.preset_revision, answer.muxi.model) for answer in answers]
    first, last = said[0], said[-1]
    stage.say("calls", f"{len(said)}, none failed")
    stage.say("before", f"{first[1]} by release {first[0]}")
    stage.say("after", f"{last[1]} by release {last[0]}, {took:.2f} s after the command had ended")
    stage.check(set(said) == {first, last}, "each answer says which release it is of")
    stage.check(last[1] == "anthropic/claude-sonnet-5", "the new model answers")


async def serve(folder: str, publish: str) -> tuple[list[Any], float]:
    """Call at a steady rate while *publish* runs, until the new release has answered a while: the answers,
    and seconds from the command's end to the new release's first answer.
    """
    calls: list[asyncio.Task[Any]] = []
    swap = asyncio.create_task(asyncio.to_thread(run, folder, publish))
    published, swapped, begun = 0.0, 0.0, time.monotonic()
    while not swapped or time.monotonic() < swapped + 0.5:
        calls.append(asyncio.create_task(call()))
        await asyncio.sleep(max(begun + len(calls) / A_SECOND - time.monotonic(), 0))
        if swap.done() and not published:
            published = time.monotonic()
        done = [one for one in calls[-A_SECOND:] if one.done()]
        if not swapped and done and done[-1].result().muxi.preset_revision.startswith("2026-02"):
            swapped = time.monotonic()
    await swap
    return list(await asyncio.gather(*calls)), max(swapped - published, 0.0) if published else 0.0


async def call() -> Any:
    """What the service does all day."""
    return await muxi_llm.ChatCompletion.acreate(preset="chat/main", messages=ask("Which model is this?"))


# ------------------------------------------------------------------------------------------- releases


@contextmanager
def configured(folder: Path) -> Iterator[None]:
    """The registry, trusted by its signer: every later release of theirs is served, without a deploy."""
    muxi_llm.config.presets = muxi_llm.presets.open(
        folder / "config/llm",
        trust=folder / "release/policy.json",
        did_documents=[folder / "release/did.json"],
        watermark=folder / "state/watermark.json",
    )
    try:
        yield
    finally:
        muxi_llm.config.presets = None


def identify(folder: Path) -> None:
    """A key, and the document in which its domain says that it is its own."""
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    did = KEY.partition("#")[0]
    method = {"id": KEY, "type": "JsonWebKey2020", "controller": did, "publicKeyPem": public.decode()}
    (folder / "release").mkdir()
    (folder / "release/did.json").write_text(json.dumps({"id": did, "verificationMethod": [method]}))
    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    (folder / "release/key.pem").write_bytes(private)


def release(revision: str, provider: str, model: str) -> list[str]:
    """The commands that make and publish a release of one preset."""
    text = PUBLISH
    for name, value in {"PROVIDER": provider, "MODEL": model, "SOURCE": SOURCE, "PLAN": revision}.items():
        text = text.replace(name, value)
    return text.splitlines()


def run(folder: str, line: str) -> None:
    """One of the commands."""
    command = [sys.executable, "-m", "muxi_llm.commands.main", *line.split()]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{line}: {done.stdout}{done.stderr}")
