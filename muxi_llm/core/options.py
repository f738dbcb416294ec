"""What steers a call: keywords, the chain, limits. Checked before any I/O, each by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from openai import NotGiven, Omit

from muxi_llm import config
from muxi_llm.core.request import Limits
from muxi_llm.errors import InvalidModelError, InvalidRequestError, shown
from muxi_llm.types.common import (
    BatchParams,
    CallParams,
    ChatParams,
    CompletionParams,
    EmbeddingParams,
    FileListParams,
    FileParams,
    ImageEditParams,
    ImageParams,
    ListParams,
    RerankParams,
    SpeechParams,
    StoredParams,
    TranscriptionParams,
    TranslationParams,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Endpoint, Json


def present(given: Mapping[str, Any]) -> Json:
    """The arguments that say something: neither `None` nor the openai package's "not given"."""
    return {k: v for k, v in given.items() if v is not None and not isinstance(v, NOT_GIVEN)}


def check_keywords(endpoint: Endpoint, given: Mapping[str, Any]) -> None:
    """Refuse unknown keywords as Python does, naming the nearest known one."""
    unknown = given.keys() - KEYWORDS[endpoint]
    if unknown:
        name = min(unknown)
        near = get_close_matches(name, KEYWORDS[endpoint], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}? " if near else ""
        hint += "provider-specific ones go into extra_body or provider_options"
        verb = VERBS.get(endpoint) or endpoint.partition(".")[2] or "create"
        raise TypeError(f"{verb}() got an unexpected keyword argument {name!r}; {hint}")


def models_of(
    endpoint: Endpoint, model: object, given: Mapping[str, Any], settings: config.Settings
) -> list[Any]:
    """The ids of a chain: the model or models, then the fallbacks, as many as are wanted."""
    first, *rest = _placed(_models(model), given.get("provider"), endpoint)
    fallbacks = given.get("fallback_models")
    if fallbacks is None and not rest:
        chain = settings.fallback.default_chains.get(endpoint)
        if not chain:
            return [first]
        fallbacks = [other for other in chain if other != first]
    if isinstance(fallbacks, str | Mapping) or not isinstance(fallbacks or (), Iterable):
        message = f"fallback_models must be a list of models, not {type(fallbacks).__name__}"
        raise InvalidRequestError(message, param="fallback_models")
    rest += fallbacks or ()
    return [first, *rest[: fallback_config(given).get("max_fallbacks")]]


def _placed(models: list[Any], provider: Any, endpoint: Endpoint) -> list[Any]:
    """*models* with the *provider* that is to be asked before those that name none."""
    if provider is None:
        return models
    _check("provider", provider, isinstance(provider, str) and provider != "", "a provider's name")
    if models == [None] and "." not in endpoint:
        raise InvalidModelError(f"model is missing; which of {provider}'s?", param="model")
    named = ["*" if model is None else model for model in models]
    return [f"{provider}/{one}" if isinstance(one, str) and "/" not in one else one for one in named]


def _models(model: Any) -> list[Any]:
    if isinstance(model, str) or not isinstance(model, Iterable):
        return [model]
    models = [] if isinstance(model, Mapping) else list(model)
    if not models:
        message = f"model must be 'provider/model' or a list of at least one, not {model!r}"
        raise InvalidModelError(message, param="model")
    return models


def limits_of(
    given: Mapping[str, Any], settings: config.Settings, *, chain: bool, tell: Callable[..., None]
) -> Limits:
    """The call's limits: what it says, then the configuration, then 2 retries (0 with fallbacks).

    tell: writes a log line, `%`-style.
    """
    chosen = fallback_config(given)
    retries, timeout = settings.fallback.max_retries, settings.timeout  # checked where they are set
    if retries is None:
        retries = 0 if chain else 2
    if "retries" in given:
        retries = given["retries"]
        _check("retries", retries, is_count(retries), "a whole number from 0")
    if "timeout" in given:
        timeout = given["timeout"]
        _check("timeout", timeout, is_duration(timeout), "seconds above 0")
    return Limits(
        retries=retries,
        retry_delay=settings.fallback.retry_delay,
        timeout=min(timeout, NO_TIMEOUT),
        deadline=chosen.get("deadline"),
        retriable=tuple(chosen.get("retriable_errors", ())),
        on_fallback=_observer(chosen, tell) if chain else None,
    )


def fallback_config(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call's `fallback_config`, checked."""
    raw = given.get("fallback_config")
    if not raw:
        return {}
    config.check_keys("fallback_config", raw, tuple(FALLBACK_CONFIG))
    chosen = present(raw)
    for name, value in chosen.items():
        fits, wanted = FALLBACK_CONFIG[name]
        _check(f"fallback_config[{name!r}]", value, fits(value), wanted)
    return chosen


def is_count(value: object) -> bool:
    """A whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_duration(value: object) -> bool:
    """Seconds above 0; nan is none."""
    return isinstance(value, NUMBERS) and value > 0


def _are_errors(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(
        isinstance(v, type | str | int) for v in value
    )


def _check(name: str, value: object, fits: bool, wanted: str) -> None:
    if not fits:
        raise InvalidRequestError(f"{name} must be {wanted}, not {shown(value)}", param=name)


def _observer(chosen: Mapping[str, Any], tell: Callable[..., None]) -> Callable[[str, str, Exception], Any]:
    callback = chosen.get("fallback_callback")

    def on_fallback(failed: str, following: str, error: Exception) -> Any:
        if chosen.get("log_fallbacks"):
            # The class alone: a provider's message may quote the prompt.
            tell("%s failed (%s), falling back on %s", failed, type(error).__name__, following)
        return callback(failed, following, error) if callback is not None else None

    return on_fallback


# ------------------------------------------------------------------------------------------ tables

NUMBERS = (int, float)
NOT_GIVEN = (NotGiven, Omit)
FILE_VERBS: tuple[Endpoint, ...] = ("file.retrieve", "file.content", "file.delete")
BATCH_VERBS: tuple[Endpoint, ...] = ("batch.retrieve", "batch.cancel")
CONTROLS = CallParams.__annotations__.keys() | {"model", "stream"}
KEYWORDS: dict[Endpoint, frozenset[str]] = {
    "chat": frozenset(ChatParams.__annotations__) | {"model", "messages", "stream"},
    "completion": frozenset(CompletionParams.__annotations__) | {"model", "prompt", "stream"},
    "embedding": frozenset(EmbeddingParams.__annotations__) | {"model", "input"},
    "image": frozenset(ImageParams.__annotations__) | {"model", "prompt", "stream"},
    "moderation": frozenset(CallParams.__annotations__) | {"model", "input"},
    "image_edit": frozenset(ImageEditParams.__annotations__) | {"model", "image", "prompt", "stream"},
    "transcription": frozenset(TranscriptionParams.__annotations__) | {"model", "file", "stream"},
    "translation": frozenset(TranslationParams.__annotations__) | {"model", "file"},
    "speech": frozenset(SpeechParams.__annotations__) | {"model", "input", "voice", "stream"},
    "rerank": frozenset(RerankParams.__annotations__) | {"model", "query", "documents"},
    "file.create": frozenset(FileParams.__annotations__) | {"file", "purpose"},
    "file.list": frozenset(FileListParams.__annotations__),
    **dict.fromkeys(FILE_VERBS, frozenset(StoredParams.__annotations__) | {"file_id"}),
    "batch.create": frozenset(BatchParams.__annotations__) | {"input_file_id", "endpoint"},
    "batch.list": frozenset(ListParams.__annotations__),
    **dict.fromkeys(BATCH_VERBS, frozenset(StoredParams.__annotations__) | {"batch_id"}),
}

VERBS: dict[Endpoint, str] = {"image_edit": "edit"}
"""What a face calls an endpoint, where that is not `create` or the word behind a dot."""

NO_TIMEOUT = 365 * 86_400.0
"""A year, in seconds: what infinity comes down to where an operating system wants a number."""

FALLBACK_CONFIG: dict[str, tuple[Callable[[object], bool], str]] = {
    "retriable_errors": (_are_errors, "a list of exception classes, class names or statuses"),
    "max_fallbacks": (is_count, "a whole number from 0"),
    "log_fallbacks": (lambda value: isinstance(value, bool), "True or False"),
    "fallback_callback": (callable, "a function of (failed_model, next_model, error)"),
    "deadline": (is_duration, "seconds above 0"),
}
