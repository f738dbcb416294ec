"""What is done once before a governed gateway serves: tables, declarations, the way in for the first."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from muxi_llm.commands.governed.composed import ready
from muxi_llm.errors import MuxiLLMError
from muxi_llm.gateway.settings.reading import ConfigurationError, Finding
from muxi_llm.governance.api.asking import BOOTSTRAP
from muxi_llm.governance.declared import declare, declared_of
from muxi_llm.governance.store.bootstrap import LIFE, Bootstrap
from muxi_llm.governance.store.engine import Store, StoreAwayError
from muxi_llm.governance.store.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from muxi_llm.gateway.settings.model import Settings


def prepare(settings: Settings, tell: Callable[[str], None], url: str) -> None:
    """The store has its tables and what the file declares; whoever may make the first key is told how, at
    *url*. Raises `ConfigurationError`.
    """
    with _told_as_findings():
        declared = declared_of(settings.governance.declared)
        store = Store(settings.governance.database)
        try:
            ready(store)
            declare(Records(store), declared, settings.source)
            token = Bootstrap(store).begin()
        finally:
            store.close()
    if token:
        head = f"-H '{BOOTSTRAP}: {token}' -H 'content-type: application/json'"
        tell(f"nobody has an administrator's key yet. Within {LIFE / 60:.0f} minutes, this makes one:")
        tell(f"  curl -X POST {url}/key/generate {head} -d '{{}}'")
        if settings.server.dashboard:
            tell(f"or give the dashboard this token: {token}")
    if settings.server.dashboard:
        tell(f"the dashboard is at {url}{settings.server.dashboard}/")


@contextmanager
def _told_as_findings() -> Iterator[None]:
    try:
        yield
    except StoreAwayError as error:
        raise ConfigurationError([Finding("database", str(error))]) from error
    except MuxiLLMError as error:
        lines = str(getattr(error, "message", error)).splitlines()
        raise ConfigurationError([Finding("", line) for line in lines]) from error
