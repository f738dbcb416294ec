"""Every page there is, in the order of the menu."""

from __future__ import annotations

from muxi_llm.dashboard.pages import keys, overview, session
from muxi_llm.dashboard.pages.page import Page

PAGES: tuple[Page, ...] = (*overview.PAGES, *keys.PAGES, *session.PAGES)

__all__ = ["PAGES", "Page"]
