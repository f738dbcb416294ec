"""Settings: what a call reads from the environment and from this module, once, at its beginning.

Set at run time (or leave to the environment)::

    muxi_llm.openai_api_key = "sk-..."             # OPENAI_API_KEY; the same for every provider
    muxi_llm.openai_base_url = "http://..."        # OPENAI_BASE_URL
    muxi_llm.config.transport = "httpx2"           # MUXI_LLM_TRANSPORT: auto, httpx2, fast, direct
    muxi_llm.config.mode = "strict"                # adapt (default), strict or passthrough
    muxi_llm.config.timeout = 30.0                 # seconds for each attempt
    muxi_llm.config.response_store = None          # where Responses are kept: "memory" (default), or yours
    muxi_llm.config.fetch_media = True             # fetch URLs for providers that take base64 alone (off)
    muxi_llm.config.bounds = Bounds(reply=2**20)   # the most a server may send, in bytes
    muxi_llm.config.models = {"fast": {"strategy": "least-busy", "deployments": [{"model": ...}, ...]}}
    muxi_llm.config.prices = "prices.toml"         # prices of your own, or a mapping; see `types.prices`
    muxi_llm.config.presets = "config/llm"         # LLMIX_CONFIG_DIR: where `preset=` is looked up
    muxi_llm.config.fallback = {"retry_delay": 1.0, "max_retries": 3, "default_chains": {...}}

A call under way never sees a later change: what it read is frozen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, get_args

from muxi_llm.types.prices import price_book

if TYPE_CHECKING:
    from muxi_llm.presets.registry import ConfigRegistryManager
    from muxi_llm.types.kept import ResponseStore
    from muxi_llm.types.prices import FixedPrice, Prices

Transport = Literal["auto", "httpx2", "fast", "direct"]
Mode = Literal["adapt", "strict", "passthrough"]

transport: Transport | None = None
"""Which HTTP stack carries the calls; `None` leaves it to `MUXI_LLM_TRANSPORT`, then to `auto`: httpcore2's
connections in a pool of this library's, or httpx2 where mocks or tracers have changed it. `httpx2`: always
that. `fast` (extra `muxi-llm[fast]`): see `muxi_llm.transport.fast` for what it does otherwise. `direct`
(extra `muxi-llm[gateway]`): what the gateway makes of `auto`, see `muxi_llm.transport.direct`."""

mode: Mode = "adapt"
"""What happens to a request a provider cannot take as it is: adapted, refused, or sent unchanged."""

timeout: float = 600.0
"""Seconds for one attempt, where the call does not say."""

response_store: Literal["memory"] | ResponseStore | None = "memory"
"""Where the answers of `responses.create` are kept, for providers that keep none: `"memory"`, the last 1,000
of this process; any object with `get`, `put` and `delete` (see `muxi_llm.types.kept`); or `None`: nothing
is kept, and `previous_response_id` is refused."""

fetch_media: bool | MediaPolicy = False
"""Whether media behind `http(s)` URLs are fetched here, for providers that cannot do so themselves: `True`,
or a `MediaPolicy` with limits of your own. Off, such a part is left out, and that is recorded. Think before
switching it on where strangers write the messages: this machine then opens the URLs they choose, and the
policy's limits are all that stands between."""

bounds: Bounds
"""How much a server may send, see `Bounds`."""

models: Mapping[str, Mapping[str, Any]] = {}
"""Names of your own for several deployments: `{"fast": {"strategy": "least-busy", "deployments": [{"model":
"openai/gpt-5-mini", "weight": 3}, {"model": "groq/llama-3.3-70b"}], "fallbacks": ["slow"]}}`. A call with
`model="fast"` goes to them as a gateway's would. A deployment may say its `weight`, `rpm`, `tpm`, `context`,
`vision`, `tools`, `schema`, `thinking`, `price` (USD for a token in and out), `api_key`, `base_url`."""

prices: Prices | str | os.PathLike[str] | None = None
"""What models cost you, where that is not the list price: a mapping by `provider/model`, or a `.json` or
`.toml` file of one, read and checked when it is set. See `muxi_llm.types.prices.ModelPrice`."""

presets: str | os.PathLike[str] | ConfigRegistryManager | None = None
"""Where presets are: a registry's folder, or one that was opened with trust in somebody
(`muxi_llm.presets.open("config/llm", trust="deploy/llmix-trust.json")`); `None`: `LLMIX_CONFIG_DIR`."""

fallback: Mapping[str, Any] = {}
"""Defaults for retries and fallbacks, see `FallbackSettings`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most a server may send, in bytes, decompressed: `muxi_llm.config.bounds = Bounds(reply=2**20)`.

    reply: of a whole reply, a stream's too; more is a `ReplyTooLargeError`, and the next candidate is asked.
    event: of one event of a stream, likewise. headers: of a reply's headers, likewise (what parses them has
    a bound of its own, 100 KiB by default). error: of an error's body, which is cut there.
    """

    reply: int = 256 * 2**20
    event: int = 32 * 2**20
    error: int = 2**20
    headers: int = 256 * 2**10

    def __post_init__(self) -> None:
        for name in ("reply", "event", "error", "headers"):
            most = getattr(self, name)
            if not isinstance(most, int) or most <= 0:
                raise ValueError(f"Bounds({name}=...) takes a whole number of bytes above 0, not {most!r}")


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """What may be fetched, always directly and never by a proxy.

    max_bytes: of one file. max_files, max_total: how many URLs one call may name, and the bytes of all their
    files. timeout: seconds for one, redirects and all (a name server that is slow to answer
    comes on top). schemes: `("https",)` refuses plain HTTP. hosts, types: from where and what, as shell
    patterns. allow_private: from this machine and its networks too, which is otherwise refused; or from
    some networks alone, as `("10.1.0.0/16",)`.
    """

    max_bytes: int = 20 * 2**20
    max_files: int = 50
    max_total: int = 100 * 2**20
    timeout: float = 10.0
    schemes: tuple[str, ...] = ("https", "http")
    hosts: tuple[str, ...] = ("*",)
    types: tuple[str, ...] = ("image/*", "audio/*", "video/*", "application/pdf", "text/plain", "text/csv")
    allow_private: bool | tuple[str, ...] = False

    def __post_init__(self) -> None:
        for name in ("schemes", "hosts", "types", "allow_private"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"MediaPolicy({name}=...) takes a tuple of strings, not one string")


@dataclass(frozen=True, slots=True)
class FallbackSettings:
    """`muxi_llm.config.fallback`, checked.

    enabled: whether the rest applies. default_chains: by kind (`chat`, `completion`, `embedding`), the
    models to fall back on where a call names no `fallback_models`. retry_delay: seconds, the base of
    the back-off. max_retries: tries after the first where a call names no `retries`.
    """

    enabled: bool = True
    default_chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry_delay: float = 0.5
    max_retries: int | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> FallbackSettings:
        """*raw*, checked. Raises `TypeError` or `ValueError` naming the key at fault."""
        check_keys("muxi_llm.config.fallback", raw, FALLBACK_KEYS)
        if not raw.get("enabled", True):
            return cls(enabled=False)
        chains = raw.get("default_chains") or {}
        check_keys("muxi_llm.config.fallback['default_chains']", chains, CHAIN_KINDS)
        retries = raw.get("max_retries")
        if retries is not None and (not isinstance(retries, int) or retries < 0):
            raise ValueError(
                f"muxi_llm.config.fallback['max_retries'] must be a whole number from 0, not {retries!r}"
            )
        delay = raw.get("retry_delay", 0.5)
        if not isinstance(delay, int | float) or not delay >= 0:  # `not`: NaN is neither
            raise ValueError(f"muxi_llm.config.fallback['retry_delay'] must be seconds from 0, not {delay!r}")
        return cls(
            default_chains={kind: _chain(kind, chain) for kind, chain in chains.items()},
            retry_delay=delay,
            max_retries=retries,
        )


class Settings(NamedTuple):
    """One call's settings."""

    transport: Transport
    mode: Mode
    timeout: float
    fallback: FallbackSettings
    fetch_media: MediaPolicy | None = None


class Credentials(NamedTuple):
    """What one provider needs to be reached; `None` and empty where nothing is set.

    keys: a pool of them, to take turns. settings: of the provider's own (a region, a project), by the names
    in its `settings_env`.
    """

    api_key: str | None
    keys: tuple[str, ...]
    base_url: str | None
    headers: Mapping[str, str]
    settings: Mapping[str, str]

    def __repr__(self) -> str:
        """Which of them are set, and none of their values."""
        return f"<Credentials: {', '.join(name for name, value in self._asdict().items() if value)}>"


class ProviderFacts(Protocol):
    """What a provider class says of its variables; see `muxi_llm.providers.base.Provider`."""

    name: ClassVar[str]
    key_env: ClassVar[tuple[str, ...]]
    keys_env: ClassVar[tuple[str, ...]]
    base_url_env: ClassVar[tuple[str, ...]]
    header_env: ClassVar[Mapping[str, str]]
    settings_env: ClassVar[Mapping[str, tuple[str, ...]]]


def settings() -> Settings:
    """The settings of now. Raises `ValueError` or `TypeError` for a value that cannot be."""
    if not isinstance(bounds, Bounds):
        raise TypeError(f"muxi_llm.config.bounds must be Bounds, not {bounds!r}")
    chosen = transport or _read("MUXI_LLM_TRANSPORT") or "auto"
    if not isinstance(timeout, int | float) or not timeout > 0:
        raise ValueError(f"muxi_llm.config.timeout must be seconds above 0, not {timeout!r}")
    return Settings(
        transport=_one_of("transport", chosen, TRANSPORTS),
        mode=_one_of("mode", mode, MODES),
        timeout=timeout,
        fallback=FallbackSettings.of(fallback) if fallback else NO_FALLBACK,
        fetch_media=_media_policy(fetch_media),
    )


def own_prices() -> Mapping[str, FixedPrice]:
    """`prices`, read and checked, by lower-case id."""
    return _price_book


def credentials(kind: type[ProviderFacts]) -> Credentials:
    """One provider's key, base URL and the rest: what was set on the package wins over the environment."""
    package = vars(sys.modules[__package__])
    name = kind.name
    return Credentials(
        api_key=package.get(f"{name}_api_key") or _first(kind.key_env),
        keys=_keys(name, package.get(f"{name}_keys") or _first(kind.keys_env)),
        base_url=package.get(f"{name}_base_url") or _first(kind.base_url_env),
        headers={
            header: value for header, variable in kind.header_env.items() if (value := _first((variable,)))
        },
        settings={
            setting: value
            for setting, variables in kind.settings_env.items()
            if (value := package.get(f"{name}_{setting}") or _first(variables))
        },
    )


def traces(kind: type[ProviderFacts]) -> tuple[Any, ...]:
    """All that `credentials` reads, as it stands there: while this is equal, so are they."""
    names, variables = _sources(kind)
    package = vars(sys.modules[__package__])
    pool = package.get(f"{kind.name}_keys")
    pool = tuple(pool) if isinstance(pool, list) else pool  # which may be changed in place
    return (pool, *map(package.get, names), *map(_behind, variables))


@lru_cache(maxsize=512)
def _sources(kind: type[ProviderFacts]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = ("api_key", "base_url", *kind.settings_env)
    settings = (variable for variables in kind.settings_env.values() for variable in variables)
    variables = (*kind.key_env, *kind.keys_env, *kind.base_url_env, *kind.header_env.values(), *settings)
    return tuple(f"{kind.name}_{name}" for name in names), variables


def _keys(name: str, given: object) -> tuple[str, ...]:
    if not given:
        return ()
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, list | tuple) or not all(isinstance(key, str) for key in given):
        raise TypeError(f"muxi_llm.{name}_keys must be a list of keys")  # not quoted: they are keys
    return tuple(key.strip() for key in given if key.strip())


def check_keys(what: str, given: object, known: tuple[str, ...]) -> None:
    """Refuse unknown keys, naming the nearest known one."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} must be a dict, not {type(given).__name__}")
    for key in given:
        if key not in known:
            near = get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise TypeError(f"{what} has no key {key!r}; {hint}")


def _chain(kind: str, chain: object) -> tuple[str, ...]:
    if isinstance(chain, str) or not isinstance(chain, Iterable):
        where = f"muxi_llm.config.fallback['default_chains'][{kind!r}]"
        raise TypeError(f"{where} must be a list of models, not {type(chain).__name__}")
    return tuple(chain)


def _media_policy(given: object) -> MediaPolicy | None:
    if given is True or given is False:
        return MediaPolicy() if given else None
    if not isinstance(given, MediaPolicy):
        raise TypeError(f"muxi_llm.config.fetch_media must be a bool or a MediaPolicy, not {given!r}")
    return given


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise ValueError(f"muxi_llm.config.{name} must be one of {', '.join(known)}, not {value!r}")
    return value


def _first(variables: tuple[str, ...]) -> str | None:
    for variable in variables:
        if value := _read(variable):
            return value
    return None


def _read(variable: str) -> str:
    """A variable of now, without the blanks and quotes that files of variables leave around values."""
    if _behind(variable) is None:
        return ""
    value = os.environ.get(variable, "").strip()
    return value[1:-1].strip() if value[:1] in QUOTES and value[:1] == value[-1:] else value


def _behind(variable: str) -> object:
    """A variable as it stands, `None` where it is not set. Most are not, and `os.environ` raises and catches
    two exceptions to say so: what is behind it is asked, where there is such a thing.
    """
    behind = getattr(os.environ, "_data", None)
    if behind is None:
        return os.environ.get(variable)
    key = _keys_behind.get(variable)
    if key is None:
        key = _keys_behind[variable] = os.environ.encodekey(variable)
    return behind.get(key)


_keys_behind: dict[str, Any] = {}
_price_book: Mapping[str, FixedPrice] = {}
QUOTES = {'"', "'"}
TRANSPORTS = get_args(Transport)
MODES = get_args(Mode)
CHAIN_KINDS = ("chat", "completion", "embedding")
FALLBACK_KEYS = ("enabled", "default_chains", "retry_delay", "max_retries")
NO_FALLBACK = FallbackSettings()
bounds = Bounds()


class _Settings(ModuleType):
    """The module: a setting that there is not is a slip of the pen, not a new attribute."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in vars(self) and not name.startswith("_"):
            near = get_close_matches(name, SETTINGS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(SETTINGS)}"
            raise AttributeError(f"muxi_llm.config has no setting {name!r}; {hint}")
        if name == "prices":  # now, not when a bill is long due
            super().__setattr__("_price_book", price_book(value, "muxi_llm.config.prices"))
        super().__setattr__(name, value)


SETTINGS = tuple(name for name in sorted(__annotations__) if not name.startswith("_"))
sys.modules[__name__].__class__ = _Settings
