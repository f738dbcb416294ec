"""Whether httpx2 and httpcore2 are as they came, or something was put in the place of their functions.

Mocks, cassettes and tracers do: they then expect to be asked. Told by the functions' identity, not by names:
a function of a module's own has that module's variables, which nobody else's has, whatever it is called.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

import httpcore2
import httpx2


def is_untouched() -> bool:
    """Whether every function that a call of httpx2's goes through is the libraries' own."""
    for module, kind, here, members, name, function in _known:
        if module[kind] is not here or members.get(name) is not function:
            return _look_again()
    return bool(_known) or _look_again()


def _look_again() -> bool:
    """The slow way: once at the beginning, and while something is in the place."""
    found: list[Known] = []
    for module, kind, name in WATCHED:
        here = vars(module).get(kind)
        function = vars(here).get(name) if isinstance(here, type) else None
        if not (isinstance(function, FunctionType) and _is_of(function, module.__name__)):
            return False
        found.append((vars(module), kind, here, vars(here), name, function))
    _known[:] = found
    return True


def _is_of(function: FunctionType, package: str) -> bool:
    name = str(function.__globals__.get("__name__"))
    own = sys.modules.get(name)
    return (
        name.startswith(f"{package}.")
        and own is not None
        and vars(own) is function.__globals__
        and function.__code__.co_filename == own.__file__
    )


Known = tuple[dict[str, Any], str, object, Any, str, FunctionType]
_known: list[Known] = []

WATCHED: tuple[tuple[Any, str, str], ...] = tuple(
    (module, entry.partition(".")[0], entry.partition(".")[2])
    for module, entries in (
        (
            httpx2,
            "Client.__init__ Client.send Client._transport_for_url AsyncClient.__init__ AsyncClient.send",
        ),
        (httpx2, "AsyncClient._transport_for_url HTTPTransport.__init__ HTTPTransport.handle_request"),
        (httpx2, "AsyncHTTPTransport.__init__ AsyncHTTPTransport.handle_async_request"),
        (httpcore2, "ConnectionPool.handle_request AsyncConnectionPool.handle_async_request"),
        (httpcore2, "HTTPConnection.handle_request AsyncHTTPConnection.handle_async_request"),
        (httpcore2, "HTTP11Connection.handle_request AsyncHTTP11Connection.handle_async_request"),
    )
    for entry in entries.split()
)
"""What mocks, cassettes and tracers are known to replace, and what stands beside it."""
