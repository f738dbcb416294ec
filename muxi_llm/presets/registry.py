"""Serving presets: the release `current.json` names, swapped when it names another.

    open ──verified──► serving r1 ──the pointer changed──► verifying r2 ──right──► serving r2
      │                    ▲                                   │
      └─wrong: raises      └────── wrong: told, and r1 stays ──┘   asked again when the pointer changes,
                                                                   or after `RETRY` seconds

A call costs one `stat` of the pointer. Who finds it changed verifies the new release, once and for all
callers; the others are not kept waiting, they get the one before. On an event loop a thread does it.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from muxi_llm.presets import files, root, trust
from muxi_llm.presets.errors import LLMConfigError, MdaError, ReleaseError, SecurityError
from muxi_llm.presets.freshness import Floor, Mark, is_older
from muxi_llm.presets.release import Release, read_release
from muxi_llm.presets.sigstore import SigstoreChecker
from muxi_llm.providers.spelling import snake_case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.presets.source import Preset

RETRY = 1.0
"""Seconds after which a release that was wrong is looked at again: it may have been mended in place."""

LOOK = 0.02
"""Seconds between two looks at the pointer, where a `stat` for each call would be much of its cost."""

RACES = 5
"""How often a release may vanish while it is read, because it is no longer the one that is served."""


@dataclass(frozen=True, slots=True)
class RegistryRootFreshnessInput:
    """What a `high_watermark` callback is asked about."""

    revision: str
    published_at: str
    root_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRootVerificationOptions:
    """Which signed releases are served.

    trust_policy: who must have signed, and how many of them. did_web_verifier, rekor_client,
    sigstore_verifier: how signatures are looked into, see `muxi_llm.presets.trust`.
    expected_root_digest (`sha256:…`), expected_revision: this one release alone. minimum_revision,
    minimum_published_at: none older. high_watermark: a callback that says whether one may be served.
    watermark: a file, outside of the registry, in which the newest release that was served is kept: none
    older is served from then on, after a restart neither.
    """

    trust_policy: Mapping[str, Any]
    did_web_verifier: Any = None
    rekor_client: Any = None
    sigstore_verifier: Any = None
    expected_root_digest: str | None = None
    expected_revision: str | None = None
    minimum_revision: str | None = None
    minimum_published_at: str | None = None
    high_watermark: Callable[[RegistryRootFreshnessInput], bool] | None = None
    watermark: str | Path | None = None


@dataclass(frozen=True, slots=True)
class ConfigRegistryOpenOptions:
    """How a registry is opened. signed_root: which releases are served; without it, any."""

    signed_root: RegistryRootVerificationOptions | None = None


class ConfigRegistryManager:
    """A registry that is served. Thread-safe, and good in a fork.

    last_reload_error: why the newest release is not the one that is served, `None` if it is.
    last_successful_reload_at, last_reload_failure_at: times, in UTC.
    """

    def __init__(self, registry: str | Path, options: ConfigRegistryOpenOptions | None = None) -> None:
        self.registry = Path(registry)
        self._signed = (options or ConfigRegistryOpenOptions()).signed_root
        self._pointer = str(self.registry / root.POINTER)
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._again = self._looking = 0.0
        self.last_reload_error: Exception | None = None
        self.last_successful_reload_at: datetime | None = None
        self.last_reload_failure_at: datetime | None = None
        mark = self._signed and self._signed.watermark
        if mark and Path(mark).resolve().is_relative_to(self.registry.resolve()):
            raise SecurityError(f"the watermark must be outside of the registry: {mark}")
        self.reload()

    @classmethod
    def open(cls, registry: str | Path, options: ConfigRegistryOpenOptions | None = None) -> Self:
        """The registry in a folder. Raises `ReleaseError` if its release is not right, and serves nothing."""
        return cls(registry, options)

    @property
    def active_revision(self) -> str:
        """Which release is served."""
        return self.current().revision

    def available_presets(self) -> list[str]:
        """The names in it, `module/preset`."""
        return sorted(self.current().manifest.presets)

    def get_preset(self, module: str, preset: str) -> dict[str, Any]:
        """A preset's config in snake case, the caller's own. Raises `ConfigNotFoundError`."""
        return deepcopy(snake_case(self.preset(f"{module}/{preset}").config))

    def preset(self, identity: str) -> Preset:
        """A preset of the release that is served, whole. Raises `ConfigNotFoundError`."""
        return self.current().preset(identity)

    @property
    def is_checked(self) -> bool:
        """Whether a policy says who must have signed what is served."""
        return self._signed is not None

    def check(self, revision: str) -> None:
        """Raises `ReleaseError` for a release that could not be served, if it were named."""
        read_release(self.registry.resolve(), revision, judge=self._judge if self._signed else None)

    def lately(self) -> Release:
        """`current`, looked after every `LOOK` seconds alone: for who asks thousands of times a second."""
        now = time.monotonic()
        if now < self._looking:
            return self._release
        self._looking = now + LOOK
        return self.current()

    def current(self) -> Release:
        """The release that is served: the newest, if it is right. See above for when that is found out."""
        is_wrong = self.last_reload_error is not None
        if self._stamp() != self._seen or (is_wrong and time.monotonic() >= self._again):
            self._swap()
        return self._release

    def reload(self) -> Release:
        """Look for a new release now, whatever has changed. Raises `ReleaseError` or `OSError` if it is not
        right; the one before is served on.
        """
        with self._lock:
            return self._reload()

    def _swap(self) -> None:
        """Have it done, by one caller at a time; a loop is not kept waiting."""
        if self._process != os.getpid():  # a thread that is not in this process may have had the lock
            self._lock, self._process = threading.Lock(), os.getpid()
        if not self._lock.acquire(blocking=False):
            return
        if asyncio._get_running_loop() is None:  # noqa: SLF001 - the public one raises where there is none
            self._reload_quietly()
        else:
            threading.Thread(target=self._reload_quietly, name="muxi-llm-presets", daemon=True).start()

    def _reload_quietly(self) -> None:
        try:
            self._reload()
        except (LLMConfigError, OSError):  # it is told in `last_reload_error`
            pass
        finally:
            self._lock.release()

    def _reload(self) -> Release:
        stamp = self._stamp()  # before anything is read: what changes meanwhile is looked at again
        try:
            release = self._read()
        except (LLMConfigError, OSError) as error:
            self._seen, self._again = stamp, time.monotonic() + RETRY
            self.last_reload_error, self.last_reload_failure_at = error, datetime.now(UTC)
            raise
        self._release, self._seen = release, stamp
        self.last_reload_error, self.last_successful_reload_at = None, datetime.now(UTC)
        return release

    def _stamp(self) -> tuple[int, int, int] | None:
        """What changes when the pointer is replaced."""
        try:
            found = os.stat(self._pointer)  # noqa: PTH116 - half the time of Path's
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> Release:
        registry = self.registry.resolve()  # anew: the folder may be a link that is moved on
        for last in (*[False] * RACES, True):
            pointed = files.read(registry, root.POINTER)
            try:
                revision, digest = root.read_pointer(pointed)
                judge = self._judge if self._signed else None
                release = read_release(registry, revision, pointed=pointed, digest=digest, judge=judge)
                break
            except ReleaseError:
                if last or files.read(registry, root.POINTER) == pointed:
                    raise
        self._remember(release)
        return release

    # ------------------------------------------------------------------------------------- trust

    def _judge(self, found: root.Root, release: Mark) -> None:
        wanted = self._signed
        assert wanted is not None
        expected = wanted.expected_root_digest
        if expected is not None and expected != f"sha256:{release.root_sha256}":
            message = "Registry root digest does not match expected_root_digest"
            raise ReleaseError("root-digest-mismatch", message)
        _verify(found, wanted)
        if wanted.expected_revision not in {None, release.revision}:
            raise ReleaseError("revision-mismatch", "Registry root revision is not expected_revision")
        Floor(wanted.minimum_revision, wanted.minimum_published_at, self._mark()).check(release)
        digest = f"sha256:{release.root_sha256}"
        asked = RegistryRootFreshnessInput(release.revision, release.published_at, digest)
        if wanted.high_watermark is not None and not wanted.high_watermark(asked):
            raise ReleaseError("watermark-rollback", "Registry root rejected by high-watermark policy")

    def _mark(self) -> Mark | None:
        if self._signed is None or self._signed.watermark is None:
            return None
        path = Path(self._signed.watermark)
        return root.read_mark(path.read_bytes()) if path.exists() else None

    def _remember(self, release: Release) -> None:
        """Keep that it was served: what another process has kept meanwhile is not lowered."""
        if self._signed is None or self._signed.watermark is None:
            return
        path = Path(self._signed.watermark)
        files.folders(path.parent)
        with files.locked(path.with_name(f"{path.name}.lock")):
            known = self._mark()
            if known is None or is_older(known.revision, release.revision):
                mark = Mark(release.revision, release.manifest.published_at, str(release.root_sha256))
                files.replace(path, root.written(asdict(mark)))


def _verify(found: root.Root, wanted: RegistryRootVerificationOptions) -> None:
    """Raises `ReleaseError` unless those the policy names have signed; its code says which check failed."""
    checkers: trust.Checkers = {}
    if wanted.did_web_verifier is not None:
        checkers["did-web"] = trust.DidWebChecker(wanted.did_web_verifier)
    if wanted.rekor_client is not None and wanted.sigstore_verifier is not None:
        checkers["sigstore-oidc"] = SigstoreChecker(wanted.rekor_client, wanted.sigstore_verifier)
    try:
        policy = trust.check_policy(wanted.trust_policy)
        payload, types = found.payload_bytes, {root.PAYLOAD_TYPE}
        trust.verify(found.signatures, found.integrity, policy, checkers, payload=payload, types=types)
    except MdaError as error:
        message = f"Registry root signature verification failed: [{error.category}] {error.message}"
        raise ReleaseError(error.code or error.category, message) from error
