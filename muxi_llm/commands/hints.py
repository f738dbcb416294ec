"""What to do next, by the error that came."""

from __future__ import annotations

from muxi_llm import errors


def hint_of(error: Exception) -> str:
    """A line to print below *error*; empty where the message says it all."""
    name = (getattr(error, "provider", None) or str(getattr(error, "model", "") or "")).partition("/")[0]
    found = next((hint for kind, hint in HINTS.items() if isinstance(error, kind)), "")
    return found.format(provider=name or "openai")


HINTS: dict[type[Exception], str] = {
    errors.MissingCredentialsError: "no key yet? `muxi-llm demo chat` needs none; `muxi-llm providers` names "
    "each provider's variable",
    errors.AuthenticationError: "the key was refused; `muxi-llm providers {provider}` names its variable",
    errors.InvalidModelError: "a model is provider/name; `muxi-llm models` lists those of your providers",
    errors.NotFoundError: "`muxi-llm models {provider}` lists what is there",
    errors.PermissionDeniedError: "this key may not use that model; `muxi-llm models {provider}` lists all",
    errors.RateLimitError: "wait, or name another model to fall back on: -m FIRST -m SECOND",
    errors.ContextLengthExceededError: "send less, or ask a model with a longer context",
    errors.KillSwitchActiveError: "`muxi-llm kill-switch off` lets calls go on",
    errors.APITimeoutError: "--timeout SECONDS waits longer",
    errors.APIConnectionError: "is the address right, and is a proxy needed (HTTPS_PROXY)? "
    "`MUXI_LLM_LOG=debug` shows each attempt",
    errors.InternalServerError: "the provider has a problem; name another model to fall back on: "
    "-m FIRST -m SECOND",
}
"""The first that fits; the narrower class stands first."""
