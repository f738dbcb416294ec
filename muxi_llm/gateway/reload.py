"""Reload: a changed file, or SIGHUP → new settings → a new state, and one reference swapped.

A configuration that cannot be used changes nothing: the one that worked goes on, and the log says why.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import awatch

from muxi_llm.errors import MuxiLLMError
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.gateway.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.gateway.app import Gateway
    from muxi_llm.gateway.settings.model import Settings

log = logging.getLogger("muxi_llm.gateway")
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of every change in the folder


class Reloader:
    """Keeps a gateway to what its configuration says."""

    def __init__(self, gateway: Gateway, read: Callable[[], Settings], path: str) -> None:
        """path: the file to watch, "" for none."""
        self._gateway = gateway
        self._read = read
        self._path = Path(path).absolute() if path else None
        self._watch: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Watch, on the running loop."""
        with suppress(ValueError, RuntimeError, NotImplementedError):  # signals are the main thread's alone
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        if self._path is not None:
            self._watch = asyncio.ensure_future(self._watched(self._path))

    def end(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.cancel()

    def reload(self) -> bool:
        """Read the configuration again; whether it is used."""
        try:
            self._gateway.replace(State(self._read(), self._gateway.state))
        except (ConfigurationError, MuxiLLMError) as error:
            log.error("the configuration was not reloaded: %s", error)  # noqa: TRY400 - it is no bug of ours
            return False
        log.info("the configuration was reloaded")
        return True

    async def _watched(self, path: Path) -> None:
        """The folder, not the file: editors and ConfigMaps put another file in its place."""
        known = _content(path)
        async for _ in awatch(path.parent, recursive=False, debounce=DEBOUNCE):
            content = _content(path)
            if content is not None and content != known:
                known = content
                self.reload()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:  # between the old one and the new one
        return None


DEBOUNCE = 400
"""Milliseconds in which several changes are one."""
