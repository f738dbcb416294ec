"""Whether a client is as its vendor made it.

People hang things onto clients: hooks, headers, another HTTP client, a tracer in the place of a method, on
one client or on the class. All of it must have its say, so a call leaves the vendor's own road only where
nothing has been put there. What is compared are identities: a wrapper can look like anything.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from types import FunctionType
from typing import Any

MADE = "muxi_llm_made"
"""The attribute of a vendor's default HTTP client that says what it was like."""


class Made:
    """A default HTTP client as it was made: each of its parts, and what is kept in them."""

    def __init__(self, http: Any) -> None:
        self._parts = itemgetter(*(name for name in vars(http) if name != "_state"))
        self._count = len(vars(http)) + 1  # and the mark itself
        self._were = self._parts(vars(http))
        self._headers = list(http._headers._list)
        self._transport = len(vars(http._transport))

    def is_still(self, http: Any) -> bool:
        """Whether *http* is open, and nothing in it was replaced, added or hooked."""
        return (
            len(vars(http)) == self._count
            and self._parts(vars(http)) == self._were
            and http._headers._list == self._headers
            and len(vars(http._transport)) == self._transport
            and not any(http._event_hooks.values())
            and not http.is_closed
        )


def mark(http: Any) -> None:
    """Remember what a default HTTP client is like. One that cannot be told counts as touched."""
    if not hasattr(http, MADE):
        try:
            made = Made(http)
        except AttributeError:  # httpx2's inside has changed
            return
        setattr(http, MADE, made)


def is_default(http: Any) -> bool:
    """Whether *http* is the vendor's default HTTP client, and as it was made."""
    made = getattr(http, MADE, None)
    return made is not None and made.is_still(http)


ROAD = (
    "post", "request", "_build_headers", "_build_request", "_make_status_error", "_prepare_options",
    "_prepare_request", "_prepare_url", "_process_response", "_process_response_data", "_send_request",
    "_should_retry", "_validate_headers", "auth_headers", "base_url", "default_headers", "default_query",
)  # fmt: skip
"""What a `create` of the openai package goes by."""

_road = attrgetter(*ROAD)


class Road:
    """The vendor's road of one class of clients, as it was when this package was loaded."""

    def __init__(self, ours: type, theirs: type) -> None:
        self._ours = ours
        self._theirs = theirs
        self._was = (_road(ours), _road(theirs)) if all(map(is_of_openai, _road(theirs))) else None
        self._methods = frozenset(name for name in dir(theirs) if callable(getattr(theirs, name)))

    def is_untouched(self, client: Any) -> bool:
        """Whether *client* goes by it, with the HTTP client it was made with."""
        return (
            self._methods.isdisjoint(vars(client))
            and (_road(self._ours), _road(self._theirs)) == self._was
            and is_default(client._client)
        )


def is_of_openai(member: Any) -> bool:
    """Whether a class's member is the openai package's own, and not what some other wrapped around it."""
    function = member.fget if isinstance(member, property) else getattr(member, "func", member)
    return type(function) is FunctionType and function.__globals__["__name__"].startswith("openai.")
