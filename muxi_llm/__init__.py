"""muxi-llm: every model provider behind OpenAI's own interface.

    from muxi_llm import ChatCompletion
    response = ChatCompletion.create(model="anthropic/claude-sonnet-5", messages=[...])

Names are loaded when first used: `import muxi_llm` itself imports neither the openai package nor an HTTP
library. Settings are attributes of this package (`muxi_llm.openai_api_key = "sk-..."`, the same for every
provider, `..._base_url` too) and of `muxi_llm.config`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from muxi_llm import aliases
from muxi_llm.loading import loading

VERSION = __version__ = "0.2.0"
"""Ours, though every other name of the openai package is here too."""

if TYPE_CHECKING:
    from muxi_llm import config as config
    from muxi_llm import errors as errors
    from muxi_llm import harness as harness
    from muxi_llm import llmix as llmix
    from muxi_llm import models as models
    from muxi_llm import presets as presets
    from muxi_llm import prices as prices
    from muxi_llm import providers as providers
    from muxi_llm import runtime as runtime
    from muxi_llm import types as types
    from muxi_llm import utils as utils
    from muxi_llm.audio_transcription import AudioTranscription as AudioTranscription
    from muxi_llm.audio_translation import AudioTranslation as AudioTranslation
    from muxi_llm.batch import Batch as Batch
    from muxi_llm.chat_completion import ChatCompletion as ChatCompletion
    from muxi_llm.clients.anthropic import Anthropic as Anthropic
    from muxi_llm.clients.anthropic import AsyncAnthropic as AsyncAnthropic
    from muxi_llm.clients.openai import AsyncAzureOpenAI as AsyncAzureOpenAI
    from muxi_llm.clients.openai import AsyncClient as AsyncClient
    from muxi_llm.clients.openai import AsyncOpenAI as AsyncOpenAI
    from muxi_llm.clients.openai import AzureOpenAI as AzureOpenAI
    from muxi_llm.clients.openai import Client as Client
    from muxi_llm.clients.openai import OpenAI as OpenAI
    from muxi_llm.completion import Completion as Completion
    from muxi_llm.embedding import Embedding as Embedding
    from muxi_llm.file import File as File
    from muxi_llm.image import Image as Image
    from muxi_llm.models import Adaptation as Adaptation
    from muxi_llm.models import AttemptRecord as AttemptRecord
    from muxi_llm.models import Report as Report
    from muxi_llm.moderation import Moderation as Moderation
    from muxi_llm.providers.compatible import OpenAICompatible as OpenAICompatible
    from muxi_llm.rerank import Rerank as Rerank
    from muxi_llm.runtime import AdaptationWarning as AdaptationWarning
    from muxi_llm.speech import Speech as Speech
    from muxi_llm.types.raised import *  # noqa: F403 - the tree, whole
    from muxi_llm.types.settings import *  # noqa: F403 - what may be set of each provider
    from muxi_llm.types.theirs import *  # noqa: F403 - what is not ours, see `aliases`

_HOMES = {
    "batch": ("Batch",),
    "audio_transcription": ("AudioTranscription",),
    "audio_translation": ("AudioTranslation",),
    "clients.anthropic": ("Anthropic", "AsyncAnthropic"),
    "chat_completion": ("ChatCompletion",),
    "clients.openai": (
        "AsyncAzureOpenAI", "AsyncClient", "AsyncOpenAI", "AzureOpenAI", "Client", "OpenAI",
    ),
    "completion": ("Completion",),
    "embedding": ("Embedding",),
    "errors": (
        "APIConnectionError", "APIError", "APIResponseValidationError", "APIStatusError", "APITimeoutError",
        "AuthenticationError", "BadRequestError", "CircuitOpenError", "ConflictError",
        "ContextLengthExceededError", "FallbackExhaustedError", "IncompleteStreamError",
        "InternalServerError", "InvalidModelError", "InvalidRequestError", "KeyPoolExhaustedError",
        "KillSwitchActiveError", "MalformedReplyError", "MissingCredentialsError", "MuxiLLMError",
        "NotFoundError", "OpenAIError", "PermissionDeniedError", "RateLimitError",
        "UnprocessableEntityError", "UnsupportedParameterError",
    ),
    "file": ("File",),
    "image": ("Image",),
    "models": ("Adaptation", "AttemptRecord", "Report"),
    "moderation": ("Moderation",),
    "providers.compatible": ("OpenAICompatible",),
    "rerank": ("Rerank",),
    "runtime": ("AdaptationWarning",),
    "speech": ("Speech",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = {
    "config", "errors", "harness", "llmix", "models", "presets", "prices", "providers", "runtime", "types",
    "utils",
}  # fmt: skip

# Names whose package is an extra: `from muxi_llm import *` must work without it.
_EXTRA = set() if find_spec("anthropic") else {"Anthropic", "AsyncAnthropic"}

__all__ = ["VERSION", "__version__", "config", "harness", "runtime", *sorted(_HOME.keys() - _EXTRA)]  # noqa: PLE0604 - all of them are strings

_PER_PROVIDER = ("_api_key", "_keys", "_base_url")
"""Settings that there are for every provider."""

aliases.install()


if not TYPE_CHECKING:  # type checkers know every name, and a misspelt one is to be told

    def __getattr__(name: str) -> Any:
        """Names of ours, then resources of the module-level client, then the openai package's own names."""
        if (name.startswith("_") and name not in aliases.NOT_SO_PRIVATE) or name.endswith(
            ("_api_key", "_base_url")
        ):
            raise AttributeError(f"module 'muxi_llm' has no attribute {name!r}")
        with loading.under_way():
            if name in _MODULES:
                return import_module(f"muxi_llm.{name}")
            if name not in _HOME:
                return aliases.attribute(name)
            value = globals()[name] = getattr(import_module(f"muxi_llm.{_HOME[name]}"), name)
            return value


def __dir__() -> list[str]:
    own = {name for name in globals() if name.startswith("__") or name.endswith(_PER_PROVIDER)}
    return sorted({*own, *__all__, *_MODULES})


class _Package(ModuleType):
    """The package: a provider's setting under a name that is nearly a provider's is a slip of the pen."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name.endswith(_PER_PROVIDER) and not name.startswith(
            "_"
        ):  # the openai package has some of its own
            import_module("muxi_llm.providers.registry").check_setting(name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
