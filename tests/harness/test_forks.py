"""A child of a process with calls under way: nothing in it waits for a thread that is not there."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator

import pytest

from muxi_llm.harness.cache import MemoryTier
from muxi_llm.harness.redis_tier import RedisTier
from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    DispatchInput,
    KeyPool,
    PipelineConfig,
    ProviderResult,
    TwoTierCache,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

CALL = CallInput(
    {"provider": "openai", "model": "m", "caching": {"strategy": "memory"}},
    [{"role": "user", "content": "?"}],
)


def status_of_child(work: Callable[[], bool]) -> int:
    """0 if *work* was true there; 14, an alarm's, if it took too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads about: so it is meant
        child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(10)
        os._exit(not work())
    return os.waitpid(child, 0)[1]


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Calls under way stay so until it is set."""
    event = threading.Event()
    yield event
    event.set()


def test_a_child_waits_for_no_call_of_its_parents(held: threading.Event) -> None:
    """Not for its flight, and not for its permit."""
    parent = os.getpid()

    def dispatch(asked: DispatchInput) -> ProviderResult:
        if os.getpid() == parent:
            held.wait()
        return ProviderResult("Hi", "m")

    config = PipelineConfig(dispatch, response_cache=TwoTierCache(), semaphore_initial=1, semaphore_min=1)
    pipeline = CallPipeline(config)
    pipeline.set_key_pool("openai", KeyPool(["a"]))
    thread = threading.Thread(target=pipeline.call_sync, args=[CALL])
    thread.start()
    while not pipeline.singleflight_count:
        time.sleep(0.001)
    assert status_of_child(lambda: pipeline.call_sync(CALL).content == "Hi") == 0
    held.set()
    thread.join()


def test_a_child_has_locks_of_its_own() -> None:
    pool, memory, redis = KeyPool(["a"]), MemoryTier(), RedisTier("redis://127.0.0.1:1", backlog=1)
    memory.keep("k", "v", 1.0)
    size, memory.size = memory.size, 0

    def work() -> bool:
        redis.keep("k", "v", 1.0)
        entry = memory.find("k", 0.0)
        return (pool.select(), entry and entry.text, memory.size) == ("a", "v", size)

    with pool.lock, memory._lock, redis._lock, redis._backlog:
        assert status_of_child(work) == 0
