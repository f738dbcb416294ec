"""The request, and where it may go: every call as one frozen value. `arguments` builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from muxi_llm.config import Mode
from muxi_llm.core.plain import made_plain
from muxi_llm.errors import InvalidModelError, InvalidRequestError, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.core.media import Media, MediaKind
    from muxi_llm.core.port import Watch
    from muxi_llm.models import Adaptation
    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Endpoint

# --------------------------------------------------------------------------------------- model ids


class ModelRef(NamedTuple):
    """`provider/model`, parsed."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"

    @property
    def meant(self) -> str | None:
        """The id with its maker before it, where OpenAI is asked for another's model."""
        maker = MAKERS.get(self.name.partition("-")[0]) if self.provider == "openai" else None
        return f"{maker}/{self.name}" if maker else None

    @classmethod
    def parse(
        cls,
        model: object,
        known: Callable[[str], object],
        *,
        default: str | None = None,
        bare: str = "openai",
        hint: Callable[[str], str] = "there is no provider {!r}".format,
    ) -> ModelRef:
        """Split at the first slash if what stands before it is a known provider.

        No slash: a model of *bare*. An unknown prefix belongs to the model's name if there is a
        *default* provider (a client with its own base URL), else it is an `InvalidModelError` that says
        what *hint* has to say of it.
        """
        if not isinstance(model, str) or not model.strip():
            raise InvalidModelError(f"model must be 'provider/model', not {model!r}", param="model")
        prefix, slash, rest = model.partition("/")
        if not slash:
            return cls(default or bare, model)
        if rest and (kind := known(prefix)):
            return cls(getattr(kind, "name", prefix), rest)  # an alias is read as the provider's own name
        if default is not None:
            return cls(default, model)
        why = hint(prefix) if rest else f"there is no model name after '{prefix}/'"
        raise InvalidModelError(f"model {model!r}: {why}", param="model")


class Candidate(NamedTuple):
    """One place the request may go. watch: who is told of each attempt there, if anybody is."""

    ref: ModelRef
    provider: Provider
    watch: Watch | None = None


# ----------------------------------------------------------------------------------------- limits


class Limits(NamedTuple):
    """What the plan must keep to. retries: tries after the first on each candidate. The rest in seconds.

    pause: seconds before retry number n (from 1), instead of full jitter over `retry_delay`.
    """

    retries: int = 0
    retry_delay: float = 0.5
    timeout: float = 600.0
    deadline: float | None = None
    retriable: tuple[type[BaseException] | str | int, ...] = ()
    on_fallback: Callable[[str, str, Exception], Any] | None = None
    pause: Callable[[int], float] | None = None


class Request(NamedTuple):
    """One call, whole. Nothing in it is ever changed: candidates get adapted copies."""

    endpoint: Endpoint
    body: Mapping[str, Any]
    stream: bool = False
    needs: frozenset[str] = frozenset()
    mode: Mode = "adapt"
    limits: Limits = Limits()
    verbatim: Mapping[str, Any] | None = None
    """The body as a client sent it, for the one provider that is the client's own server."""
    adaptations: tuple[Adaptation, ...] = ()
    """What `body` lacks of it, for all others."""
    home: str = "openai"
    """The provider that the call's own headers, query and body fields are for: the first candidate's."""
    headers: Mapping[str, str] = {}
    query: Mapping[str, Any] = {}
    extra_body: Mapping[str, Any] = {}
    provider_options: Mapping[str, Mapping[str, Any]] = {}
    preset: tuple[str | None, str | None] | None = None
    """Which preset the call was made with, and its release; for the report alone."""
    fetch: Callable[[str, MediaKind, float], Media] | None = None
    """What is at a URL, of that kind, within seconds; blocking. `None`: URLs are not fetched here."""

    def __repr__(self) -> str:
        """Which fields there are, and no value of theirs: they are a prompt."""
        return f"<Request of a {self.endpoint}: {', '.join(self.body)}>"

    def checked(self) -> Request:
        """Itself, its extras made plain. Raises `InvalidRequestError` for what no provider could be asked."""
        if self.mode not in MODES:
            raise InvalidRequestError(
                f"adapt must be one of {', '.join(MODES)}, not {shown(self.mode)}", param="adapt"
            )
        if self.headers or self.query or self.extra_body or self.provider_options:
            self._check_extras()
            extras = {"extra_body": self.extra_body, "provider_options": self.provider_options}
            return self._replace(**made_plain(extras))
        return self

    def _check_extras(self) -> None:
        _check_mapping("extra_headers", self.headers)
        _check_mapping("extra_query", self.query)
        _check_mapping("extra_body", self.extra_body)
        _check_mapping("provider_options", self.provider_options)
        for provider, options in self.provider_options.items():
            _check_mapping(f"provider_options[{provider!r}]", options)
            for name in ("extra_headers", "extra_query"):
                _check_mapping(f"provider_options[{provider!r}][{name!r}]", options.get(name, {}))


def _check_mapping(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"{name} must be a dict, not {type(value).__name__}", param=name)


MAKERS = {
    "claude": "anthropic",
    "command": "cohere",
    "deepseek": "deepseek",
    "gemini": "google",
    "grok": "xai",
    "kimi": "moonshot",
    "mistral": "mistral",
    "sonar": "perplexity",
}
"""First words of models' names, and whose they are."""

MODES = get_args(Mode)
