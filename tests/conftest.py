"""Fixtures and guards for every test. Nothing leaves this machine; nothing is left set."""

from __future__ import annotations

import asyncio
import gc
import io
import ipaddress
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import muxi_llm
from muxi_llm import harness
from muxi_llm.core.step import run_sync
from muxi_llm.harness import making
from muxi_llm.providers import registry
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.length import long
from tests.support.upstream import Upstream

SHARED = Path(os.environ.get("MUXI_LLM_SHARED", Path(__file__).parents[2] / "shared"))
"""Recordings and seed documents that are not part of the project; tests that need them are left out without."""

CI = os.environ.get("CI") == "true"
"""Where nothing may be skipped."""

collect_ignore = ["ecosystem"]
"""They have environments of their own, and are collected if they are named."""

# How long an example takes is the machine's affair; how many there are, that of the tests' length.
settings.register_profile(
    "house", max_examples=long(100, 40), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's background job has it: so would children
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _loopback_only(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise RuntimeError(f"a test tried to reach {host}")


sys.addaudithook(_loopback_only)


ROOT = Path(__file__).parents[1]


def untracked() -> set[str]:
    """Files of the checkout that git neither has nor ignores; none where there is no git."""
    asked = ["git", "-C", str(ROOT), "ls-files", "--others", "--exclude-standard"]
    try:
        return set(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines())
    except FileNotFoundError:
        return set()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """A test's files are below `tmp_path`. Outside CI somebody may be writing one of their own just now."""
    yield
    before = session.config.stash.get(FILES, None)
    if before is None or not (left := sorted(untracked() - before)):
        return
    told = f"\n{'FAIL' if CI else 'NOTE'}: new files in the checkout: {', '.join(left)}"
    session.config.pluginmanager.getplugin("terminalreporter").write_line(told)
    if CI:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    """What is there now; the workers' files are their leader's business."""
    if not hasattr(config, "workerinput"):
        config.stash[FILES] = untracked()


FILES = pytest.StashKey[set[str]]()

WHOLE = ["muxi_llm/core/*", "muxi_llm/wire/*"]
"""What must be covered to the last branch, wherever coverage is measured over the whole suite."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """After the tests: the gate that `--cov-fail-under` cannot express."""
    result = yield
    measured = session.config.pluginmanager.getplugin("_cov")
    if session.config.getoption("cov_fail_under", None) and getattr(measured, "cov_controller", None):
        report = io.StringIO()
        if measured.cov_controller.cov.report(include=WHOLE, skip_covered=True, file=report) < 100:
            session.testsfailed += 1
            message = f"\nFAIL: core and wire are not covered to the last branch\n{report.getvalue()}"
            session.config.pluginmanager.getplugin("terminalreporter").write_line(message)
    return result


def pytest_report_header() -> str:
    """Says loudly what is left out."""
    found = (
        "" if SHARED.is_dir() else " is not there: the tests that need it are LEFT OUT (set MUXI_LLM_SHARED)"
    )
    return f"recordings: {SHARED}{found}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests first, so that no worker is left alone with them; none of those whose folder is not there."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
    if not SHARED.is_dir():
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("shared")])
        items[:] = [item for item in items if not item.get_closest_marker("shared")]
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What is there by now stays: tests that collect garbage need not look through a million objects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """In CI a test that is skipped has failed."""
    report: Any = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def shared() -> Path:
    """The folder of recordings and seed documents."""
    return SHARED


ENDINGS = ("_API_KEY", "_KEYS", "_AUTH_TOKEN", "_BASE_URL", "_PROXY")
VARIABLES = {
    variable
    for kind in registry.own()
    for variables in (kind.key_env, kind.keys_env, kind.base_url_env, *kind.settings_env.values())
    for variable in variables
}
SETTABLE = str | int | list | tuple
"""What a test may set on the package: keys, URLs, providers' settings."""


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key, URL or setting of the machine or of another test is seen."""
    for name in os.environ:
        if (
            name in VARIABLES
            or name.upper().endswith(ENDINGS)
            or name.startswith(("MUXI_LLM_", "OPENAI_", "OR_", "LLMIX_", "REDIS_"))
        ):
            monkeypatch.delenv(name)
    before, known = dict(vars(muxi_llm.config)), set(vars(muxi_llm))
    yield
    vars(muxi_llm.config).update(before)
    for name in [n for n, value in vars(muxi_llm).items() if n not in known and isinstance(value, SETTABLE)]:
        delattr(muxi_llm, name)
    harness._current = None
    muxi_llm.runtime._runtime._harnesses.clear()
    muxi_llm.runtime._runtime._latest = muxi_llm.runtime._runtime._bare = None
    making.SHARED.reset()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for every provider the tests talk to."""
    for provider in ("OPENAI", "ANTHROPIC", "GROQ", "MISTRAL", "DEEPSEEK", "OPENROUTER", "COHERE", "GOOGLE"):
        monkeypatch.setenv(f"{provider}_API_KEY", f"sk-{provider.lower()}")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A provider on loopback."""
    with Upstream() as server:
        yield server


class Driver:
    """Runs a face (or the core) synchronously or asynchronously; streams come back as lists."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return self.kind

    def create(self, face: Any, **params: Any) -> Any:
        """`face.create(...)` or `await face.acreate(...)`."""
        if self.kind == "sync":
            answer = face.create(**params)
            return list(answer) if params.get("stream") else answer
        return asyncio.run(self._acreate(face, params))

    async def _acreate(self, face: Any, params: dict[str, Any]) -> Any:
        answer = await face.acreate(**params)
        return [chunk async for chunk in answer] if params.get("stream") else answer

    def run(self, coroutine: Any) -> Any:
        """A coroutine of the core."""
        return run_sync(coroutine) if self.kind == "sync" else asyncio.run(coroutine)

    def scripted(self, face: Any, *answers: Answer, **params: Any) -> tuple[Any, Scripted]:
        """A call against scripted answers: the value (or the exception) and the script."""
        script = Scripted(*answers)
        with muxi_llm.runtime.using(script):
            try:
                return self.create(face, **params), script
            except Exception as error:  # the test looks at it
                return error, script


@pytest.fixture(params=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """Both ways to drive the core: a test that takes it runs through both."""
    return Driver(request.param)
