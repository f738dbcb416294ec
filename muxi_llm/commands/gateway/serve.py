"""`muxi-llm serve`: the gateway."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from muxi_llm.commands import pages
from muxi_llm.gateway import serve as gateway
from muxi_llm.gateway.settings.reading import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from muxi_llm.gateway.admission import Admission
    from muxi_llm.gateway.settings.model import Settings


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of `serve`."""
    parser.add_argument("--config", metavar="FILE", default="", help=f"a .toml or .yaml file; {WITHOUT}")
    parser.add_argument("--host", help="address to listen on, instead of the file's")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any")
    parser.add_argument("--admin-port", type=int, help="port of the management, instead of the same one")
    pages.add(parser)
    parser.add_argument("--workers", type=int, help="processes on that port")
    parser.add_argument("--no-auth", action="store_true", help="let anybody ask who reaches the address")
    parser.add_argument("--https", action="store_true", help="with the certificate given, or the file's")
    parser.add_argument("--ssl-key", metavar="FILE", help="the certificate's private key")
    parser.add_argument("--ssl-cert", metavar="FILE", help="the certificate, its chain behind it")
    parser.add_argument("--verbose", action="store_true", help="log each attempt")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Serve; 2 where that cannot be."""
    try:
        return gateway.serve(given.config, server_of(given), print, admission_of, prepare)
    except ConfigurationError as error:
        for finding in error.findings:
            print(f"muxi-llm: {finding}", file=sys.stderr)
        return 2


def admission_of(settings: Settings) -> Admission | None:
    """Who answers for a gateway of such settings; `None`: it does so itself, by its tokens."""
    if not settings.governance.database:
        return None
    from muxi_llm.commands.governed.composed import Governed  # noqa: PLC0415 - a database's packages

    return Governed(settings)


def prepare(settings: Settings, tell: Callable[[str], None], url: str) -> None:
    """What is done once, before any worker is there; url: the management's. Raises `ConfigurationError`."""
    if settings.governance.database:
        from muxi_llm.commands.governed import prepared  # noqa: PLC0415 - a database's packages

        prepared.prepare(settings, tell, url)


def server_of(given: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the server."""
    said = {
        "host": given.host,
        "port": given.port,
        "admin_port": given.admin_port,
        "dashboard": pages.path_in(given),
        "workers": given.workers,
        "tls_key": given.ssl_key,
        "tls_cert": given.ssl_cert,
        "https": given.https or None,
        "is_open": given.no_auth or None,
        "log_level": "DEBUG" if given.verbose else None,
    }
    return {name: value for name, value in said.items() if value is not None}


WITHOUT = "without one, every provider whose key is in the environment, on this machine alone"
