"""LLMix's key pool: the harness' ring of keys, a clock and a lock."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import TYPE_CHECKING

from muxi_llm.errors import KeyPoolExhaustedError
from muxi_llm.harness.forks import outlives
from muxi_llm.harness.keys import KeyRing

if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["KeyPool", "KeyPoolExhaustedError", "load_keys_from_env"]


class KeyPool:
    """Keys of one provider, used in turn. Thread-safe.

    A key that met a 429 rests, one that met a 401 or 403 is out (`muxi_llm.harness.keys`). Raises
    `ValueError` if there is no key. ring, lock: what a pipeline shares of it.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        given = list(keys)
        self.ring = KeyRing(given)
        self.after_fork()
        outlives(self)
        self._known = {key.strip() for key in given}
        self._last: str | None = None

    def after_fork(self) -> None:
        """Nobody is choosing."""
        self.lock = Lock()

    def select(self) -> str:
        """The next key in turn. Raises `KeyPoolExhaustedError` if all are dead."""
        with self.lock:
            self._last = self.ring.select(time.monotonic())
            if self._last is None:
                raise KeyPoolExhaustedError(len(self.ring))
            return self._last

    def rotate(self, key: str | None = None) -> None:
        """*key* (by default the last one selected) met a 429: it rests for a minute."""
        with self.lock:
            self.ring.rate_limited(key or self._last or "", time.monotonic())

    def mark_dead(self, key: str) -> None:
        """*key* met a 401 or a 403. Raises `ValueError` for a key that is not in the pool."""
        with self.lock:
            if key not in self._known:
                raise ValueError("the key is not in this pool")
            self.ring.refused(key, time.monotonic())

    def is_exhausted(self) -> bool:
        """Whether no key may ever be used again."""
        return self.alive_count == 0

    @property
    def alive_count(self) -> int:
        """How many are not dead, those that rest included."""
        with self.lock:
            return len(self.ring) - self.ring.dead

    @property
    def total_count(self) -> int:
        """How many there are."""
        return len(self.ring)


def load_keys_from_env(provider: str) -> KeyPool:
    """The pool in `<PROVIDER>_KEYS` (comma-separated), else the key in `<PROVIDER>_API_KEY`.

    `google` is looked for as `GEMINI_...` too, `sno-gpu` as `SNO_LLM_API_KEY`. Raises `ValueError` where
    there is none.
    """
    prefix = provider.upper().replace("-", "_")
    names = [f"{prefix}_KEYS", f"{prefix}_API_KEY", *ALSO.get(provider, ())]
    for name in names:
        if os.environ.get(name, "").strip():
            return KeyPool(os.environ[name].split(",") if name.endswith("_KEYS") else [os.environ[name]])
    raise ValueError(
        f"No API keys found for {prefix}. Set {prefix}_KEYS (comma-separated) or {prefix}_API_KEY."
    )


ALSO = {"google": ("GEMINI_KEYS", "GEMINI_API_KEY"), "sno-gpu": ("SNO_LLM_API_KEY",)}
