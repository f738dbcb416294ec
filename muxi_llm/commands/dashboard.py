"""`muxi-llm dashboard`: the pages of a gateway that is elsewhere."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

from muxi_llm.commands.main import complain
from muxi_llm.dashboard.app import Dashboard

if TYPE_CHECKING:
    import argparse

PREFIX = "/ui"


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of `dashboard`."""
    parser.add_argument("--gateway", metavar="URL", default="http://127.0.0.1:8080", help="where it is")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8090, help="port to listen on")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Serve the pages until told to end."""
    url = given.gateway.rstrip("/").removesuffix("/v1")
    if not url.startswith(("http://", "https://")):
        return complain("--gateway wants http://host:port", 2)
    print(f"dashboard of {url} at http://{given.host}:{given.port}{PREFIX}/", flush=True)
    app = Dashboard(url, PREFIX)
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", lifespan="off")
    return 0
