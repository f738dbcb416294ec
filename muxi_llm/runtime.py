"""From settings to a running call: providers, candidates, transports, and the two ways to run them.

The process has one `Runtime`; `using` puts a scripted port in its place for a while.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from muxi_llm import config, harness
from muxi_llm.candidates import any_key, candidate_of, candidates_of, is_configured
from muxi_llm.core.body import body_of
from muxi_llm.core.call import call, missing_credentials
from muxi_llm.core.options import check_keywords, limits_of, present
from muxi_llm.core.request import Request
from muxi_llm.core.step import run_sync
from muxi_llm.core.stream import AsyncStream, Stream, StreamFlow
from muxi_llm.groups import grouped
from muxi_llm.harness import kill_switch
from muxi_llm.loading import loading
from muxi_llm.providers import registry
from muxi_llm.transport.logged import log, logged_call, set_up
from muxi_llm.transport.ports import AsyncIO, BlockingIO

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping, Sequence
    from types import ModuleType

    from muxi_llm.core.port import IO, Harness
    from muxi_llm.core.request import Candidate
    from muxi_llm.models import Adaptation
    from muxi_llm.transport.fetch import Fetcher
    from muxi_llm.wire.base import Endpoint

__all__ = [
    "AdaptationWarning", "Prepared", "Runtime", "any_key", "candidate_of", "candidates_of", "current_port",
    "fetcher_of", "is_configured", "log", "prepare", "prepare_models", "using",
]  # fmt: skip

set_up(os.environ.get("MUXI_LLM_LOG", "").strip())


class AdaptationWarning(UserWarning):
    """A request was changed to fit the model that answered; `response.muxi.adaptations` says how."""


class Runtime:
    """The transports of this process, made when first needed. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ports: dict[tuple[str, bool], IO] = {}
        self._harnesses: dict[harness.HarnessSettings, Harness] = {}
        self._latest: tuple[harness.HarnessSettings, Harness] | None = None
        self._bare: Harness | None = None
        self._forked_from_fast = False

    def port(self, transport: str, *, blocking: bool) -> IO:
        """The port for a transport by name, `auto` resolved."""
        port = self._ports.get((transport, blocking))
        if port is not None:
            return port
        with loading.under_way(), self._lock:
            if (transport, blocking) not in self._ports:
                self._ports[transport, blocking] = self._make(transport, blocking=blocking)
            return self._ports[transport, blocking]

    def _make(self, transport: str, *, blocking: bool) -> IO:
        if transport == "fast" and not self._forked_from_fast:
            if find_spec("pyreqwest") is None:
                raise ImportError("the fast transport needs pyreqwest: pip install 'muxi-llm[fast]'")
            from muxi_llm.transport import fast  # noqa: PLC0415 - an extra, and only one of the two is loaded

            return BlockingIO(fast.BlockingFast()) if blocking else AsyncIO(fast.AsyncFast())
        if transport == "direct" and not blocking:
            from muxi_llm.transport import direct  # noqa: PLC0415 - likewise

            return AsyncIO(direct.AsyncDirect())
        if transport == "httpx2":
            from muxi_llm.transport import httpx2  # noqa: PLC0415 - likewise

            return BlockingIO(httpx2.BlockingHttpx2()) if blocking else AsyncIO(httpx2.AsyncHttpx2())
        from muxi_llm.transport import pool  # noqa: PLC0415 - likewise

        return BlockingIO(pool.BlockingPool()) if blocking else AsyncIO(pool.AsyncPool())

    def bare(self) -> Harness:
        """The harness of calls that ask for none."""
        if self._bare is None:
            self._bare = self.harness(harness.own())
        return self._bare

    def harness(self, settings: harness.HarnessSettings) -> Harness:
        """The harness for *settings*: the same for equal ones, so that its state lasts."""
        latest = self._latest
        if latest is not None and latest[0] is settings:  # to hash that many takes longer than a stage
            return latest[1]
        with loading.under_way(), self._lock:
            if settings not in self._harnesses:
                from muxi_llm.harness import making  # noqa: PLC0415 - for those who switched it on

                self._harnesses[settings] = making.harness_of(settings)
                if len(self._harnesses) > HARNESSES:  # calls under way keep theirs
                    del self._harnesses[next(iter(self._harnesses))]
            self._latest = settings, self._harnesses[settings]
            return self._latest[1]

    def after_fork(self) -> None:
        """In a child: sockets belong to the parent, pyreqwest's runtime and the thread it hangs on are gone,
        and a lock of the harness may be held by a thread that is not there.
        """
        self._lock = threading.Lock()
        self._harnesses, self._latest, self._bare = {}, None, None
        self._forked_from_fast = "pyreqwest" in sys.modules
        _parents_ports.append(self._ports)  # dropping them would close what the parent still uses
        self._ports = {}


HARNESSES = 8
"""How many settings' state is kept at most: who configures again and again must not fill the memory."""

_parents_ports: list[object] = []
_runtime = Runtime()
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_runtime.after_fork)
_scripted: ContextVar[IO | None] = ContextVar("muxi_llm_port", default=None)


@contextmanager
def using(port: IO) -> Iterator[IO]:
    """Send every call of this context over *port* (such as `transport.scripted.Scripted`), on both faces."""
    token = _scripted.set(port)
    try:
        yield port
    finally:
        _scripted.reset(token)


def is_scripted() -> bool:
    """Whether `using` is in force here: every call goes over its port then, a client's plainest too."""
    return _scripted.get() is not None


def current_port(*, blocking: bool) -> IO:
    """The process' own port as it is configured, or what `using` has put in its place."""
    return _scripted.get() or _runtime.port(config.settings().transport, blocking=blocking)


# ---------------------------------------------------------------------------------- calling faces


def prepare(endpoint: Endpoint, given: Mapping[str, Any]) -> Prepared:
    """A face's keyword arguments → everything the call needs. Raises before any I/O."""
    check_keywords(endpoint, given)
    return prepared_of(endpoint, with_files(endpoint, present(given)))


def with_files(endpoint: Endpoint, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """*given* with its files taken as such. Raises `InvalidRequestError` for what is none."""
    if endpoint not in WITH_FILES:
        return given
    from muxi_llm.transport import files  # noqa: PLC0415 - for those who send some

    return files.with_files(endpoint, given)


def prepared_of(
    endpoint: Endpoint, given: Mapping[str, Any], port: IO | None = None, candidates: Any = None
) -> Prepared:
    """`prepare` for arguments that were looked through: only what there is, and by its name.

    candidates: who is asked, where that is known already.
    """
    if "preset" not in given:
        return _prepared(endpoint, given, port, candidates=candidates)
    calls, given = preset_calls(), dict(given)
    preset = calls.found(given.pop("preset"))
    given, lost = calls.beneath(preset, endpoint, given, given.get("adapt") or config.mode)
    prepared = _prepared(endpoint, given, port, lost, preset.told)
    calls.check(preset, prepared.candidates)
    return prepared


@cache
def preset_calls() -> ModuleType:
    """What puts presets on calls."""
    from muxi_llm.presets import calls  # noqa: PLC0415 - an extra, for those who name a preset

    return calls


def _prepared(
    endpoint: Endpoint,
    given: Mapping[str, Any],
    port: IO | None,
    lost: tuple[Adaptation, ...] = (),
    preset: tuple[str | None, str | None] | None = None,
    candidates: Sequence[Candidate] | None = None,
) -> Prepared:
    settings = config.settings()
    if candidates is None:
        candidates = (grouped if config.models else candidates_of)(endpoint, given, settings)
    body, needs = body_of(endpoint, given)
    request = Request(
        endpoint,
        body,
        stream=bool(given.get("stream")),
        needs=needs,
        mode=given.get("adapt") or settings.mode,
        limits=limits_of(given, settings, chain=len(candidates) > 1, tell=log.info),
        home=candidates[0].ref.provider,
        headers=given.get("extra_headers") or {},
        query=given.get("extra_query") or {},
        extra_body=given.get("extra_body") or {},
        adaptations=lost,
        preset=preset,
        provider_options=given.get("provider_options") or {},
        fetch=fetcher_of(settings.fetch_media),
    )
    return Prepared(request, candidates, settings.transport, port, harness.of_call(given))


def fetcher_of(policy: config.MediaPolicy | None) -> Fetcher | None:
    """What fetches media for one call, if that is switched on."""
    if policy is None:
        return None
    from muxi_llm.transport import fetch  # noqa: PLC0415 - HTTP and TLS, for those who switched it on

    return fetch.Fetcher(policy)


def prepare_models(name: str) -> Prepared:
    """What lists the models of provider *name*. Raises before any I/O, as `prepare` does."""
    settings = config.settings()
    candidate = candidate_of(f"{name}/*")
    if candidate.provider.key_required and not candidate.provider.api_key:
        raise missing_credentials(candidate)
    limits = limits_of({}, settings, chain=False, tell=log.info)
    return Prepared(Request("models", {}, limits=limits, home=name), [candidate], settings.transport)


def check_kill_switch() -> None:
    """Raises `KillSwitchActiveError` while all is switched off: for what is asked without a call."""
    settings = harness.settings()
    if settings is not None and settings.kill_switch:
        kill_switch.check(settings.kill_switch)


class Prepared:
    """A request, where it may go, and over what. `run` and `arun` are the whole difference of the faces."""

    def __init__(
        self,
        request: Request,
        candidates: Sequence[Candidate],
        transport: str,
        port: IO | None = None,
        around: harness.HarnessSettings | None = None,
    ) -> None:
        """around: what stands around the call; `None`: as it is configured when it runs."""
        self.request = request.checked()
        for name in request.provider_options:
            registry.check(name, param="provider_options")
        self.candidates = candidates
        self._transport = transport
        self._port = port
        self._around = around

    def _io(self, *, blocking: bool) -> IO:
        return _scripted.get() or self._port or _runtime.port(self._transport, blocking=blocking)

    def _harness(self) -> Harness:
        """What stands around the call: nothing until a place says 429, if nothing is asked for."""
        settings = self._around or harness.settings()
        return _runtime.bare() if settings is None else _runtime.harness(settings)

    def _call(self, io: IO) -> Coroutine[Any, Any, Any]:
        make = logged_call if log.isEnabledFor(logging.DEBUG) else call
        return make(io, self.request, self.candidates, self._harness())

    def run(self) -> Any:
        """The typed value, or a `Stream`."""
        answer = run_sync(self._call(self._io(blocking=True)))
        return _told(_kept(Stream(answer)) if isinstance(answer, StreamFlow) else answer)

    def forget(self) -> bool:
        """Forget the answer the cache keeps for this call; whether there was one."""
        return self._harness().forget_answer(self.request, self.candidates)

    async def arun(self) -> Any:
        """The typed value, or an `AsyncStream`."""
        answer = await self._call(self._io(blocking=False))
        return _told(_kept(AsyncStream(answer)) if isinstance(answer, StreamFlow) else answer)


def port(auto: str = "auto") -> IO:
    """The port of async calls, as it is configured. auto: the transport where that is nobody's choice."""
    chosen = config.settings().transport
    return _runtime.port(auto if chosen == "auto" else chosen, blocking=False)


def _kept(stream: Any) -> Any:
    _open_streams.add(stream)
    return stream


def _close_streams() -> None:
    """Before the interpreter's end, not in it: half of what a stream hangs on may be gone by then."""
    for stream in list(_open_streams):
        stream.abandon()


_open_streams: WeakSet[Any] = WeakSet()
atexit.register(_close_streams)


def _told(answer: Any) -> Any:
    """*answer*, its losses told as one warning. A stream is freed where that is an error."""
    lost = [str(adaptation) for adaptation in answer.muxi.adaptations if adaptation.loss]
    if lost:
        story = f"{answer.muxi.model}: {'; '.join(lost)}"
        warnings.warn(story, AdaptationWarning, stacklevel=_callers_level())
    return answer


def _callers_level() -> int:
    """How far up the caller's own line is: past our frames and, from a drop-in client, OpenAI's."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 - what `warnings` itself does
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OUR_FRAMES:
        level, frame = level + 1, frame.f_back
    return level


WITH_FILES = {"transcription", "translation", "image_edit", "file.create"}
"""Endpoints that take files."""

OUR_FRAMES = {"muxi_llm", "openai", "anthropic"}
