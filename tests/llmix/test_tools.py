"""The stand-alone tools: keys, breaker, switch, retries, singleflight, locks, clients, paths."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from muxi_llm.llmix import (
    PROVIDER_TRANSPORT,
    CircuitBreaker,
    CircuitOpenError,
    FileLock,
    KeyPool,
    KeyPoolExhaustedError,
    KillSwitch,
    KillSwitchActiveError,
    LLMixPathConfig,
    ResolvedConfigDir,
    RetryPolicy,
    Singleflight,
    create_client_for_provider,
    get_provider_transport,
    is_retryable,
    load_keys_from_env,
    resolve_config_dir,
)
from muxi_llm.llmix.config import find_project_root
from muxi_llm.llmix.resilience import calculate_delay, parse_retry_after
from tests.llmix.support import half_open, refused

# --------------------------------------------------------------------------------------------- keys


def test_keys_take_turns() -> None:
    """Trimmed, and each once."""
    pool = KeyPool([" a ", "b", "", "a"])
    assert [pool.select() for _ in range(4)] == ["a", "b", "a", "b"]
    assert (pool.alive_count, pool.total_count, pool.is_exhausted()) == (2, 2, False)


def test_no_keys() -> None:
    """Are no pool."""
    with pytest.raises(ValueError, match="KeyPool requires at least one non-empty key"):
        KeyPool([" ", ""])


def test_a_limited_key_rests() -> None:
    """The one that was selected last, or the one that is named."""
    pool = KeyPool("abc")
    pool.select()
    pool.rotate()
    assert [pool.select() for _ in range(3)] == ["b", "c", "b"]
    pool.rotate("c")
    assert [pool.select() for _ in range(2)] == ["b", "b"]
    assert pool.alive_count == 3


def test_rotating_one_key_or_none() -> None:
    """Changes nothing for who has no other."""
    pool = KeyPool(["a"])
    pool.rotate()
    assert pool.select() == "a"
    pool.rotate()
    assert pool.select() == "a"


def test_dead_keys() -> None:
    """Are never selected again; with none left that is said."""
    pool = KeyPool("ab")
    pool.mark_dead("a")
    assert [pool.select() for _ in range(2)] == ["b", "b"]
    pool.mark_dead("b")
    assert pool.is_exhausted()
    with pytest.raises(KeyPoolExhaustedError, match="All 2 keys are dead"):
        pool.select()
    with pytest.raises(ValueError, match="not in this pool"):
        pool.mark_dead("c")


def test_many_threads_share_a_pool() -> None:
    """And each key gets its part."""
    pool = KeyPool("abcd")
    seen: list[str] = []

    def work() -> None:
        seen.extend(pool.select() for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key: seen.count(key) for key in "abcd"} == dict.fromkeys("abcd", 100)


@pytest.mark.parametrize(
    ("provider", "variables", "keys"),
    [
        ("openai", {"OPENAI_KEYS": "a, b", "OPENAI_API_KEY": "c"}, ["a", "b"]),
        ("openai", {"OPENAI_KEYS": " ", "OPENAI_API_KEY": "c,d"}, ["c,d"]),
        ("sno-gpu", {"SNO_GPU_KEYS": "a"}, ["a"]),
        ("sno-gpu", {"SNO_LLM_API_KEY": "b"}, ["b"]),
        ("google", {"GEMINI_KEYS": "a,b"}, ["a", "b"]),
        ("google", {"GOOGLE_API_KEY": "g", "GEMINI_API_KEY": "a"}, ["g"]),
        ("gemini", {"GEMINI_API_KEY": "a"}, ["a"]),
    ],
)
def test_keys_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, provider: str, variables: dict[str, str], keys: list[str]
) -> None:
    """A pool, else one key; under the names a provider is known by."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    pool = load_keys_from_env(provider)
    assert [pool.select() for _ in keys] == keys
    assert pool.total_count == len(keys)


def test_no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variables; commas alone are no keys."""
    with pytest.raises(ValueError, match=r"No API keys found for SNO_GPU. Set SNO_GPU_KEYS"):
        load_keys_from_env("sno-gpu")
    monkeypatch.setenv("OPENAI_KEYS", " , ")
    with pytest.raises(ValueError, match="at least one non-empty key"):
        load_keys_from_env("openai")


# ------------------------------------------------------------------------------------------ breaker


def test_the_breaker_opens_and_is_reset() -> None:
    """After three failures in a row."""
    breaker = CircuitBreaker("openai", "https://a.test")
    breaker.on_failure(500)
    breaker.on_failure(network_error=True)
    breaker.check()
    breaker.on_failure()
    assert breaker.state == "OPEN"
    with pytest.raises(CircuitOpenError, match=r"Circuit breaker OPEN for \(openai, https://a.test\)"):
        breaker.check()
    breaker.on_success()  # of a call that began before
    assert breaker.state == "OPEN"
    breaker.reset()
    assert breaker.state == "CLOSED"


def test_half_open_lets_so_many_through() -> None:
    """And most of them decide."""
    breaker = half_open(3)
    for _ in range(3):
        breaker.check()
    with pytest.raises(CircuitOpenError):
        breaker.check()
    breaker.on_success()
    breaker.on_failure(404)  # it is there, and answers
    assert breaker.state == "CLOSED"
    breaker.on_failure(500)
    assert breaker.state == "CLOSED"


def test_a_cancelled_probe_gives_its_place_back() -> None:
    """It cannot wedge the breaker."""
    breaker = half_open()
    breaker.check()
    breaker.cancel_probe()
    breaker.cancel_probe()
    breaker.check()
    with pytest.raises(CircuitOpenError):
        breaker.check()
    breaker.on_failure(500)
    assert breaker.state == "OPEN"


def test_probes_that_were_never_checked() -> None:
    """Count as if they had been."""
    breaker = half_open(2)
    breaker.on_success()
    breaker.on_success()
    assert breaker.state == "CLOSED"


# --------------------------------------------------------------------------------- switch, retries


def test_the_kill_switch(tmp_path: Path, state: Path) -> None:
    """A file in the state folder, or in another."""
    assert KillSwitch().path == state / "killswitch"
    switch = KillSwitch(state_dir=tmp_path)
    switch.check()
    assert not switch.is_active()
    switch.path.touch()
    assert switch.is_active()
    with pytest.raises(KillSwitchActiveError, match="Kill switch active"):
        switch.check()


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("5", 5000), ("0", 0), ("120", 60_000), (None, None), ("abc", None), ("-1", None), ("", None),
        ("Thu, 31 Dec 2099 23:59:59 GMT", 60_000), ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after(value: str | None, milliseconds: int | None) -> None:
    """Seconds or a date, a minute at most."""
    assert parse_retry_after(value) == milliseconds


def test_delays() -> None:
    """Doubling, capped, with jitter on top; what is asked for wins."""
    assert [calculate_delay(n, jitter_ms=0) for n in (0, 1, 2, 3, 10, 5000)] == [
        1000, 2000, 4000, 8000, 30_000, 30_000,
    ]  # fmt: skip
    policy = RetryPolicy(jitter_ms=0)
    assert policy.get_delay_ms(1) == 2000
    assert policy.get_delay_ms(1, "10") == 10_000


class Flaky:
    """Fails so often."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "ok"


def test_a_policy_tries_again() -> None:
    """As often as it may, and no longer than it is worth it."""
    quick = RetryPolicy(max_retries=2, base_ms=0, jitter_ms=0)
    flaky = Flaky(RuntimeError(), refused(503, retry_after="0"))
    assert asyncio.run(quick.execute(flaky)) == "ok"
    assert flaky.calls == 3
    hopeless = Flaky(*[refused(500)] * 9)
    with pytest.raises(type(refused(500))):
        asyncio.run(quick.execute(hopeless))
    assert hopeless.calls == 3


@pytest.mark.parametrize(
    ("error", "worth"),
    [(refused(400), None), (ValueError(), lambda _: False), (asyncio.CancelledError(), lambda _: True)],
    ids=["400", "says the caller", "cancelled"],
)
def test_a_policy_does_not_try_again(error: BaseException, worth: object) -> None:
    """What it is not for."""
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        asyncio.run(RetryPolicy(base_ms=0, jitter_ms=0).execute(flaky, worth))  # type: ignore[arg-type]
    assert flaky.calls == 1


def test_what_is_retryable() -> None:
    """By status."""
    assert [s for s in (None, 200, 400, 401, 404, 408, 409, 429, 500, 599, 600) if is_retryable(s)] == [
        None, 408, 429, 500, 599,
    ]  # fmt: skip


# ------------------------------------------------------------------------------ singleflight, locks


def test_singleflight() -> None:
    """One piece of work for all who ask meanwhile; then it is forgotten."""

    async def main() -> None:
        flights, flaky = Singleflight(), Flaky()
        key = Singleflight.make_key("what")
        assert await asyncio.gather(*(flights.do(key, flaky) for _ in range(3))) == ["ok"] * 3
        assert (flaky.calls, flights.in_flight_count, len(key)) == (1, 0, 64)
        failing = Flaky(ValueError("boom"))
        results = await asyncio.gather(*(flights.do(key, failing) for _ in range(2)), return_exceptions=True)
        assert [str(result) for result in results] == ["boom", "boom"]

    asyncio.run(main())


HOLD = """
import sys
from muxi_llm.llmix import FileLock
with FileLock(state_dir=sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_among_processes(tmp_path: Path) -> None:
    """Only one holds it; it is let go with its process."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    lock, held = FileLock(state_dir=tmp_path), threading.Event()

    def wait() -> None:
        with lock:
            held.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not held.wait(0.05)
    child.kill()
    child.communicate()
    assert held.wait(10)
    waiting.join()


def test_a_lock_on_an_event_loop(state: Path) -> None:
    """Waits beside it; the file is its owner's alone."""

    async def main() -> None:
        async with FileLock() as lock:
            assert lock.path == state / "llmix.lock"
            assert lock.path.stat().st_mode & 0o777 == 0o600
            with pytest.raises(RuntimeError, match="held already"):
                lock.acquire()
        lock.release()

    asyncio.run(main())


def test_a_lock_that_is_not_waited_for_any_longer(tmp_path: Path) -> None:
    """Leaves nothing open: whoever comes next may have it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    with FileLock(state_dir=tmp_path):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            FileLock(state_dir=tmp_path).acquire()
    signal.signal(signal.SIGALRM, before)
    with FileLock(state_dir=tmp_path):
        pass


def test_a_lock_that_a_task_waits_for_no_longer(tmp_path: Path) -> None:
    """Is let go once its thread has it, even if that is at its loop's end."""
    late, holder = FileLock(state_dir=tmp_path), FileLock(state_dir=tmp_path)

    timer = threading.Timer(0.1, holder.release)

    async def main() -> None:
        try:
            async with asyncio.timeout(0.05), late:
                pass
        finally:
            timer.start()

    holder.acquire()
    with pytest.raises(TimeoutError):
        asyncio.run(main())
    timer.join()
    late.acquire()
    late.release()


# ---------------------------------------------------------------------------------- clients, paths


def test_transports() -> None:
    """Who is better off with HTTP/2."""
    assert {name for name, transport in PROVIDER_TRANSPORT.items() if transport.http2} == {"openai", "google"}
    assert PROVIDER_TRANSPORT.keys() == {
        "openai", "anthropic", "google", "deepseek", "openrouter", "helicone",
    }  # fmt: skip
    unknown = get_provider_transport("new")
    assert (unknown.name, unknown.http2) == ("new", False)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "new"])
def test_clients(provider: str) -> None:
    """With the caller's options."""

    async def main() -> None:
        async with create_client_for_provider(provider, headers={"x-a": "b"}) as client:
            assert client.headers["x-a"] == "b"

    asyncio.run(main())


def test_where_presets_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said, else the variable's, else the project's."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert resolve_config_dir() == ResolvedConfigDir(str(tmp_path / "config/llm"), "default")
    monkeypatch.setenv("LLMIX_CONFIG_DIR", "presets")
    monkeypatch.setenv("MINE", "/abs")
    assert resolve_config_dir() == ResolvedConfigDir(str(tmp_path / "presets"), "env")
    assert resolve_config_dir(LLMixPathConfig(env_var="MINE")).config_dir == "/abs"
    explicit = resolve_config_dir(LLMixPathConfig(config_dir=tmp_path / "a"))
    assert explicit == ResolvedConfigDir(str(tmp_path / "a"), "explicit")
    monkeypatch.delenv("LLMIX_CONFIG_DIR")
    root = LLMixPathConfig(project_root=tmp_path / "a", default_path="p")
    assert resolve_config_dir(root).config_dir == str(tmp_path / "a" / "p")


@pytest.mark.parametrize(
    ("files", "root"),
    [
        ({"package.json": {"workspaces": []}, "a/uv.lock": None}, "."),
        ({"package.json": {"name": "x"}, "a/b/package.json": "no JSON", "a/uv.lock": None}, "a"),
        ({"package.json": {}, "a/pyproject.toml": None}, "a"),
        ({"package.json": ["a", "list"]}, "."),
    ],
    ids=["workspaces", "lock file", "nearest project", "no object"],
)
def test_what_the_project_is(tmp_path: Path, files: dict[str, object], root: str) -> None:
    """By what lies in its folders."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    assert find_project_root(tmp_path / "a" / "b") == tmp_path / root


def test_no_project() -> None:
    """Is the working directory."""
    assert find_project_root(os.sep) == Path.cwd()
