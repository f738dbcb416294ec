"""Every page there is, in the order of the menu."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from muxi_llm.dashboard.pages import (
    account,
    audit,
    clients,
    explain,
    gateway,
    overview,
    playground,
    presets,
    records,
    session,
    spend,
)
from muxi_llm.dashboard.pages.page import Page


class Group(NamedTuple):
    """Pages under one heading of the menu."""

    name: str
    pages: tuple[Page, ...]


PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *gateway.NOW,
    *spend.PAGES,
    *account.PAGES,
    *records.PAGES,
    *audit.PAGES,
    *playground.PAGES,
    *explain.PAGES,
    *clients.PAGES,
    *presets.PAGES,
    *gateway.LAST,
    *session.PAGES,
)
MENU = tuple(
    Group(name, tuple(members))
    for name, members in groupby((page for page in PAGES if page.title), lambda page: page.group)
)

__all__ = ["MENU", "PAGES", "Page"]
