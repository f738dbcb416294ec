"""The dashboard of `serve`: what is said of it, and pages beside the management API."""

from __future__ import annotations

import argparse
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from muxi_llm.gateway.app import Gateway
    from muxi_llm.governance.api.app import Management

PATH = re.compile(r"(/[A-Za-z0-9_-]+)+")
DATABASE = "sqlite:///muxi-llm.sqlite3"


def add(parser: argparse.ArgumentParser) -> None:
    """Its option."""
    about = "pages to manage it by, below PATH (/ui); without a database elsewhere: muxi-llm.sqlite3, here"
    parser.add_argument("--dashboard", nargs="?", const="/ui", metavar="PATH", type=path_of, help=about)


def path_of(text: str) -> str:
    """A path. Raises `ArgumentTypeError` for what is none, and where there can be no pages."""
    if find_spec("jinja2") is None:
        raise argparse.ArgumentTypeError("it needs jinja2: pip install 'muxi-llm[dashboard]'")
    if not PATH.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no path such as /ui")
    return text


def path_in(given: argparse.Namespace) -> str | None:
    """The path that was asked for. Account is kept in this folder then, unless it is said to be elsewhere."""
    if given.dashboard:
        os.environ.setdefault("DATABASE_URL", DATABASE)
    path: str | None = given.dashboard
    return path


class Paged:
    """The management API, and pages that ask it."""

    def __init__(self, api: Management, gateway: Gateway, before: str, path: str) -> None:
        """before: of the gateway's paths. path: of the pages."""
        from muxi_llm.dashboard.app import Dashboard  # noqa: PLC0415 - an extra

        self._api, self._before = api, before
        self._dashboard = Dashboard(api, f"{before}{path}", cast("Any", gateway), before)
        pages = {page.removeprefix(before) for page in self._dashboard.paths}
        self._pages = pages - api.paths
        self.paths = api.paths | pages

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["path"] in self._pages:
            await self._dashboard({**scope, "path": self._before + scope["path"]}, receive, send)
        else:
            await self._api(scope, receive, send)
