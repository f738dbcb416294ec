"""`python -m tests.live PROVIDER`: ask the real service everything, and keep what it says."""

# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from muxi_llm import AdaptationWarning, config, runtime
from tests.live import tape
from tests.live.scenarios import MODELS, SCENARIOS, Subject


def main(arguments: list[str] | None = None) -> int:
    """Record one provider; exit status 1, and nothing kept, unless every scenario came out well."""
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    parser.add_argument("provider")
    parser.add_argument("--model", help="the model to chat with (default: the one of last time)")
    parser.add_argument("--embedding-model", help="likewise for embeddings")
    parser.add_argument("--skip", nargs="*", default=(), choices=SCENARIOS, help="what this model cannot do")
    parser.add_argument("--folder", type=Path, default=tape.CASSETTES, help="where cassettes are kept")
    given = parser.parse_args(arguments)
    target = given.folder / given.provider
    before = _before(target, given.provider)
    subject = Subject(given.provider, given.model or before.chat, given.embedding_model or before.embedding)
    if not runtime.is_configured(subject.kind):
        parser.error(f"{given.provider} is not configured; set {' or '.join(subject.kind.key_env)}")
    if not (subject.chat or subject.embedding):
        listed = ", ".join(model.id for model in runtime.prepare_models(given.provider).run().data)
        parser.error(f"which model? --model one of: {listed}")
    with tempfile.TemporaryDirectory() as folder:
        told = record(subject, Path(folder), given.skip)
        print("\n".join(f"{name:14} {story or 'recorded'}" for name, story in told.items()))
        if any(told.values()):
            return 1
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
    print(f'kept in {target}; if it is new, set tier = "verified" for {given.provider}')
    return 0


def _before(folder: Path, provider: str) -> Subject:
    """Whoever was asked last time."""
    if (folder / tape.FACTS).exists():
        return tape.kept(folder)[0]
    return Subject(provider, *MODELS.get(provider, ()))


def record(subject: Subject, folder: Path, skip: Iterable[str] = ()) -> dict[str, str]:
    """Scenario → what went wrong, empty where nothing did."""
    config.transport = "httpx2"  # the one vcrpy can listen to
    warnings.simplefilter("ignore", AdaptationWarning)
    secrets = tape.secrets_of(subject.kind)
    base_url = runtime.candidate_of(subject.model()).provider.base_url
    tape.keep_facts(folder, subject, base_url, secrets)
    told = {}
    for name, (scenario, applies) in SCENARIOS.items():
        if name not in skip and applies(subject):
            with tape.tape(folder, name, subject.provider, secrets=secrets, record=True):
                told[name] = _failure(scenario, subject)
    return {**told, **dict.fromkeys(tape.leaks(folder, secrets), "holds a secret")}


def _failure(scenario: Any, subject: Subject) -> str:
    try:
        scenario(_ask, subject)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _ask(face: Any, **params: Any) -> Any:
    answer = face.create(**params)
    return list(answer) if params.get("stream") else answer


if __name__ == "__main__":
    sys.exit(main())
