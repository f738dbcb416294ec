"""Arguments of ours on the vendors' clients: they travel as a field of the body that is never sent.

What `extra_body` brings, every method of theirs hands on to each request it makes, whenever it makes it:
`stream` sends later, wherever its `with` stands, and a tool runner sends several. The field's value is an
object (callbacks and exception classes are not JSON), and taken out before the request is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from muxi_llm.core.plain import made_plain
from muxi_llm.inbound import OPTIONS
from muxi_llm.runtime import preset_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal, Self

    from muxi_llm.harness import Breaker, Cache
    from muxi_llm.presets.source import Preset
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
            cache: Literal["memory", "redis", "redis-or-memory", False] | Cache | None = None,
            tenant: str | None = None,
            singleflight: bool | None = None,
            breaker: bool | float | Breaker | None = None,
            concurrency: int | None = None,
            provider: Any = None,
            requests_per_minute: int | None = None,
            tokens_per_minute: int | None = None,
            preset: str | Preset | None = None,
            **settings: Any,
        ) -> Self:
            """The client, with other settings."""


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
    named = [name for name in OPTIONS if name in params]
    if not isinstance(params.get("provider"), str):  # OpenAI's clients may be given an object by that name
        named = [name for name in named if name != "provider"]
    return {name: params.pop(name) for name in named}


CARRIER = "muxi_llm_options"


class Carried:
    """The field's value: arguments of ours, the same for every copy of the request."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    def __deepcopy__(self, memo: object) -> Self:
        return self


def loaded(params: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """A method's *params*, bearing *options*."""
    return {**params, "extra_body": {**(params.get("extra_body") or {}), CARRIER: Carried(options)}}


def unloaded(request: Any) -> tuple[Mapping[str, Any], Any]:
    """The arguments of ours that a vendor's request options bear, and those without them."""
    for place in ("extra_json", "json_data"):  # Anthropic's client puts the one into the other early
        body = getattr(request, place)
        if isinstance(body, Mapping) and isinstance(body.get(CARRIER), Carried):
            rest = {name: value for name, value in body.items() if name != CARRIER}
            return body[CARRIER].options, request.model_copy(update={place: rest or None})
    return {}, request


def make_plain(request: Any, absent: tuple[type, ...]) -> None:
    """Bring a vendor's request options into plain JSON data, for all tries: the first spends iterators.

    absent: the vendor's classes for arguments that are not given, which it removes itself.
    Raises `InvalidRequestError` for what JSON has no form for.
    """
    for place in () if request.files else ("json_data", "extra_json"):
        body = getattr(request, place)
        if isinstance(body, dict):
            kept = {name: body[name] for name in body if isinstance(body[name], (Carried, *absent))}
            rest = {name: body[name] for name in body if name not in kept}
            if (made := made_plain(rest)) is not rest:
                setattr(request, place, {**made, **kept})


FORM = "muxi_llm.said"
"""The request extension that holds what a form says."""


def form_of(request: Any) -> dict[str, Any]:
    """What the form of a vendor's request options says: fields, and files as they were given."""
    said = {**(request.json_data or {}), **(request.extra_json or {})}
    files = request.files.items() if isinstance(request.files, Mapping) else request.files
    for name, file in files:
        if name.endswith("[]"):
            said.setdefault(name.removesuffix("[]"), []).append(file)
        else:
            said[name] = file
    return said


def taking_options(theirs: type, name: str, demanded: Sequence[str] = ("model",)) -> Any:
    """The method *name* of a vendor's resource, taking arguments of ours too.

    demanded: what it cannot do without, though a preset says it. It is looked up at each call: programs put
    others in its place, tracers above all.
    """

    @wraps(getattr(theirs, name))
    def method(self: Any, *args: Any, **params: Any) -> Any:
        options = taken_from(params)
        if preset := options.get("preset") or self._client._options_of_ours.get("preset"):
            calls = preset_calls()
            options["preset"] = calls.found(preset)  # the same release, whenever it is sent
            params = {**calls.demanded(options["preset"], demanded), **params}
        return getattr(theirs, name)(self, *args, **(loaded(params, options) if options else params))

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
