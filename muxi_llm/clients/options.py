"""Arguments of ours on the vendors' clients: they travel on a copy of the client, made for them.

They cannot travel with the request: callbacks and exception classes are not JSON. Nor in a context
variable: `stream` sends its request later, wherever its `with` stands, and a tool runner sends several.
"""

from __future__ import annotations

from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from muxi_llm.inbound import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal, Self

    from muxi_llm.types.common import FallbackConfig

Kind = TypeVar("Kind", bound=type)


class Optioned:
    """A client with arguments of ours for all its calls, `with_options(fallback_models=[...])`, or none."""

    _options_of_ours: Mapping[str, Any] = {}

    if TYPE_CHECKING:  # the vendor's own, and ours besides

        def with_options(
            self,
            *,
            fallback_models: Sequence[str] | None = None,
            fallback_config: FallbackConfig | None = None,
            retries: int | None = None,
            provider_options: Mapping[str, Mapping[str, Any]] | None = None,
            adapt: Literal["adapt", "strict", "passthrough"] | None = None,
            **settings: Any,
        ) -> Self:
            """The client, with other settings."""

    def bearing(self, options: Mapping[str, Any]) -> Self:
        """The same client, down to its connections, with *options* on it."""
        client = object.__new__(type(self))
        vars(client).update(vars(self))
        for name in tuple(vars(client)):
            if isinstance(getattr(type(self), name, None), cached_property):  # a resource of the other one
                del vars(client)[name]
        client._options_of_ours = {**self._options_of_ours, **options}
        return client


def optioned(kind: Kind) -> Kind:
    """A decorator for a client: its vendor's `copy` takes arguments of ours, and hands on those there are."""
    ours: Any = kind
    original = super(Optioned, ours).copy

    @wraps(original)
    def method(self: Any, **settings: Any) -> Any:
        options = taken_from(settings)
        client = original(self, **settings)
        client._options_of_ours = {**self._options_of_ours, **options}
        return client

    ours.copy = ours.with_options = method
    return kind


def taken_from(params: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ours among *params*, which are without them then."""
    return {name: params.pop(name) for name in OPTIONS if name in params}


def taking_options(theirs: type, name: str) -> Any:
    """The method *name* of a vendor's resource, taking arguments of ours too.

    It is looked up at each call: programs put others in its place, tracers above all.
    """

    @wraps(getattr(theirs, name))
    def method(self: Any, *args: Any, **params: Any) -> Any:
        options = taken_from(params)
        resource = type(self)(self._client.bearing(options)) if options else self
        return getattr(theirs, name)(resource, *args, **params)

    return method


def replacing(methods: Mapping[str, Callable[[type, str], Any]]) -> Callable[[Kind], Kind]:
    """A decorator for a subclass of a vendor's class: methods of these names are made anew of its.

    To type checkers they stay the vendor's own, for existing programs' sake.
    """

    def decorate(kind: Kind) -> Kind:
        for name, made in methods.items():
            setattr(kind, name, made(kind.__mro__[1], name))
        return kind

    return decorate
