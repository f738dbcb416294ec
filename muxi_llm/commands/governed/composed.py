"""Where a gateway and its governance are put together: neither knows the other."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.commands.pages import Paged
from muxi_llm.errors import MuxiLLMError
from muxi_llm.gateway.admission import Anybody, Tokens
from muxi_llm.gateway.control import Control
from muxi_llm.gateway.metrics import SHARED
from muxi_llm.gateway.settings.reading import ConfigurationError, Finding
from muxi_llm.governance.api.app import Management
from muxi_llm.governance.api.asking import Asking
from muxi_llm.governance.api.control import heard
from muxi_llm.governance.claims import Claims
from muxi_llm.governance.counters.choosing import counters_for
from muxi_llm.governance.declared import declare, declared_of
from muxi_llm.governance.governor import Governor, Rules
from muxi_llm.governance.keeper import Keeper
from muxi_llm.governance.login.browsers import Browsers
from muxi_llm.governance.login.logins import Logins
from muxi_llm.governance.login.routes import router as login_routes
from muxi_llm.governance.login.sessions import Sessions
from muxi_llm.governance.prices import Price, Tariff, version_of
from muxi_llm.governance.snapshot import Snapshot
from muxi_llm.governance.spool import Spool
from muxi_llm.governance.store.bootstrap import Bootstrap
from muxi_llm.governance.store.engine import Store, StoreAwayError
from muxi_llm.governance.store.migrate import migrate, newest, revision
from muxi_llm.governance.store.people import People
from muxi_llm.governance.store.records import Records
from muxi_llm.governance.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from muxi_llm.gateway.app import Gateway
    from muxi_llm.gateway.settings.model import Settings
    from muxi_llm.gateway.told import Told
    from muxi_llm.types.admission import Asked, Grant, Principal


log = logging.getLogger("muxi_llm.governance")


class Configured(Anybody):
    """The configuration's own tokens, as they are now; nobody where there are none."""

    def configured(self, settings: Settings) -> None:
        """These, from here on."""
        self._tokens = Tokens(settings.tokens)

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Whose token it is."""
        return await self._tokens.authenticate(headers)


class Governed:
    """A governor and all it needs, begun and ended with the gateway."""

    counts = True
    _is_begun = False

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        """now: what time it is, to all of it. Raises `InvalidRequestError` for an address of no database,
        `OSError` where no spool can be.
        """
        governance = settings.governance
        self.store = Store(governance.database)
        self.snapshot = Snapshot(self.store, now)
        self.claims = Claims(self.snapshot)
        self._spool = Spool(Path(governance.spool))
        self._writer = Writer(self.store, self._spool, self.claims.budget, clock=now)
        workers = os.environ.get(SHARED, "") if settings.server.workers > 1 else ""
        self._counters = counters_for(settings.redis, workers)
        rules = Rules(governance.lease, governance.wait, governance.allowance, governance.output)
        self.governor = Governor(
            self.claims, self._counters, self._writer, Tariff(), rules, Configured(), now
        )
        self._keeper = Keeper(self.governor, self.store, governance)
        self._kept: list[Price] = []
        """The store's own prices."""
        self.snapshot.priced = self._priced
        self._records = Records(self.store, now)
        self._records.changed = self._changed
        self._people, self._bootstrap = People(self.store, now), Bootstrap(self.store, now)
        self._logins = Logins(settings.login, Sessions(self.store, now), self._records, self._people)
        self._own = declared_of(governance.declared).own_keys

    def begin(self, settings: Settings) -> None:
        """Raises `StoreAwayError`, or `ConfigurationError` for tables that are not this version's."""
        ready(self.store)
        self.configured(settings)
        self._is_begun = True
        self.snapshot.begin()
        self._counters.begin()
        self._writer.begin()
        self._keeper.begin()

    @property
    def state(self) -> dict[str, str]:
        """Who counts its limits, whether the store is there, and why the spool is of no use, if it is."""
        is_away = self._writer.is_away or not self.snapshot.is_live
        told = {"limits": self._counters.state, "store": "away" if is_away else "ok"}
        return {**told, "spool": self._writer.trouble} if self._writer.trouble else told

    def end(self) -> None:
        """What is not booked by then is in the spool."""
        self._keeper.end()
        self._writer.end()
        self._spool.close()
        self._counters.end()
        self.snapshot.end()
        self._logins.close()
        self.store.close()

    def configured(self, settings: Settings) -> None:
        """Tokens and prices may be others."""
        self.governor.configured(settings)
        self._settings = settings
        self._price()
        if self._is_begun:  # in a thread: the store may keep one waiting
            threading.Thread(target=self._declare, args=(settings,), daemon=True).start()

    def _price(self) -> None:
        """What the file says counts before what was said since."""
        said = self._settings
        self.governor.tariff = Tariff([*self._kept, *_declared(said)], said.governance.default_price)

    def _priced(self, rows: Iterable[Mapping[Any, Any]]) -> None:
        self._kept = [Price(row["scope"], row["name"], row["price"], f"own {row['version']}") for row in rows]
        self._price()

    def managed(self, gateway: Gateway) -> Management | Paged:
        """The management API, whoever logs in by a browser, and pages if there are to be some."""
        control, bootstrap = Control(gateway), self._bootstrap
        self.snapshot.heard.append(partial(heard, control))
        browsers = Browsers(self._logins)
        asking = Asking(self._records, self._people, bootstrap, browsers)
        beside = [login_routes(self._logins, bootstrap)]
        api = Management(
            self._records, asking, bootstrap, self._own, control, beside, lambda: _declared(self._settings)
        )
        server = gateway.state.settings.server
        return Paged(api, gateway, server.prefix, server.dashboard) if server.dashboard else api

    def _declare(self, settings: Settings) -> None:
        try:
            declare(self._records, declared_of(settings.governance.declared), settings.source)
        except (MuxiLLMError, StoreAwayError) as error:
            log.error("what the configuration declares of keys and teams was not taken up: %s", error)  # noqa: TRY400

    def _changed(self) -> None:
        with suppress(StoreAwayError):  # the snapshot's own thread asks again
            self.snapshot.catch_up()

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """The governor's answer."""
        return await self.governor.authenticate(headers)

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        """Likewise."""
        return await self.governor.admit(principal, asked)

    def settle(self, told: Told) -> None:
        """Likewise."""
        self.governor.settle(told)


def _declared(settings: Settings) -> Iterator[Price]:
    """The prices of a configuration. A deployment's is of one token, as it is there."""
    governance = settings.governance
    for model, price in governance.prices.items():
        yield Price("model", model, price, version_of(price))
    for provider, percent in governance.discounts.items():
        off = {"percent": percent}
        yield Price("provider", provider, off, f"{percent:g} % off")
    for one in settings.deployments:
        if one.price is not None:
            price = {name: Decimal(str(usd)) * 1_000_000 for name, usd in one.price.items()}
            yield Price("deployment", one.deployment.name, price, version_of(price))


def ready(store: Store) -> None:
    """See to it that the tables are this version's: a file's are made so, a server's must be already."""
    if store.is_sqlite:
        migrate(store)
        return
    with store.reading() as connection:
        found = revision(connection)
    if found != newest():
        why = f"its tables are of revision {found or 'none'}, not {newest()}: run muxi-llm migrate"
        raise ConfigurationError([Finding("database", why)])
