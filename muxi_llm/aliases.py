"""`import muxi_llm as openai`: every other name and module path of the openai package, under ours.

`muxi_llm.helpers` or `muxi_llm.types.chat` is not a copy: it is the openai package's own module, so
classes imported by either path are the same objects. Modules of ours that have moved are found by their
old paths in the same way.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

OURS, THEIRS = "muxi_llm.", "openai."
NOT_SO_PRIVATE = {"__title__", "_reset_client"}
"""Names of the openai package that look private, and that programs use all the same: in their tests."""

MOVED = {
    "wire.openai_chat": "wire.openai.chat",
    "wire.openai_completions": "wire.openai.completions",
    "wire.openai_embeddings": "wire.openai.embeddings",
    "wire.openai_responses": "wire.responses.responses",
    "wire.openai_responses_stream": "wire.responses.stream",
    "wire.responses_inbound": "wire.responses.inbound",
    "wire.responses_items": "wire.responses.items",
    "wire.responses_output": "wire.responses.inbound_output",
    "wire.responses_request": "wire.responses.inbound_request",
    "wire.responses_stream": "wire.responses.inbound_stream",
    "wire.anthropic_messages": "wire.anthropic.messages",
    "wire.anthropic_parts": "wire.anthropic.parts",
    "wire.anthropic_reply": "wire.anthropic.reply",
    "wire.anthropic_request": "wire.anthropic.request",
    "wire.anthropic_stream": "wire.anthropic.stream",
    "wire.anthropic_thinking": "wire.anthropic.thinking",
    "wire.anthropic_tools": "wire.anthropic.tools",
    "wire.anthropic_inbound": "wire.anthropic.inbound",
    "wire.anthropic_inbound_reply": "wire.anthropic.inbound_reply",
    "wire.anthropic_inbound_request": "wire.anthropic.inbound_request",
    "wire.anthropic_inbound_stream": "wire.anthropic.inbound_stream",
    "wire.gemini_embeddings": "wire.gemini.embeddings",
    "wire.gemini_parts": "wire.gemini.parts",
    "wire.gemini_reply": "wire.gemini.reply",
    "wire.gemini_request": "wire.gemini.request",
    "wire.gemini_stream": "wire.gemini.stream",
    "wire.gemini_thinking": "wire.gemini.thinking",
    "wire.gemini_tools": "wire.gemini.tools",
    "wire.gemini_vertex": "wire.gemini.vertex",
    "wire.converse": "wire.aws.converse",
    "wire.converse_parts": "wire.aws.parts",
    "wire.converse_reply": "wire.aws.reply",
    "wire.converse_request": "wire.aws.request",
    "wire.converse_stream": "wire.aws.stream",
    "wire.converse_thinking": "wire.aws.thinking",
    "wire.converse_tools": "wire.aws.tools",
    "wire.bedrock_embeddings": "wire.aws.embeddings",
    "wire.eventstream": "wire.aws.eventstream",
    "wire.aws_faults": "wire.aws.faults",
    "wire.sagemaker": "wire.aws.sagemaker",
    "wire.cohere_chat": "wire.cohere.chat",
    "wire.cohere_embed": "wire.cohere.embed",
    "wire.cohere_reply": "wire.cohere.reply",
    "wire.cohere_request": "wire.cohere.request",
    "wire.cohere_stream": "wire.cohere.stream",
    "wire.ollama_embed": "wire.ollama.embed",
    "wire.ollama_request": "wire.ollama.request",
    "client": "clients.openai",
    "anthropic_client": "clients.anthropic",
    "module_client": "clients.module",
    "client_resources": "clients.resources",
    "client_answers": "clients.answers",
    "client_options": "clients.options",
    "client_models": "clients.models_list",
    "anthropic_resources": "clients.anthropic_resources",
    "anthropic_answers": "clients.anthropic_answers",
    "response_store": "kept.store",
    "kept_requests": "kept.requests",
    "kept_responses": "kept.responses",
    "cli": "commands.main",
    "cli_batch": "commands.batch",
    "llmix.batch_files": "llmix.batch.files",
    "llmix.batch_service": "llmix.batch.service",
    "llmix.batch_services": "llmix.batch.services",
    "llmix.caching": "llmix.response_cache",
    "llmix.clients": "llmix.http2",
    "llmix.dispatch": "llmix.dispatchers",
    "llmix.keys": "llmix.key_pool",
    "llmix.kwargs": "llmix.provider_kwargs",
    "llmix.paths": "llmix.config",
    "llmix.semaphore": "llmix.adaptive_semaphore",
}
"""Old paths of our own modules, under `muxi_llm`, and where they are now."""


class OpenAIModules:
    """Finds `muxi_llm.x.y` as `openai.x.y`, where we have no such module ourselves.

    A finder and loader in one (hence the ignored types). Python must ask it first: below an alias the
    ordinary finder would find the file, and load it a second time under our name.
    """

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG003 - the protocol's
        """The spec of an alias, `None` for what is no business of ours."""
        if not name.startswith(OURS):
            return None
        if moved := MOVED.get(name.removeprefix(OURS)):
            return ModuleSpec(name, cls, loader_state=OURS + moved)  # type: ignore[arg-type]
        parent = sys.modules[name.rpartition(".")[0]].__name__
        is_ours = not f"{parent}.".startswith(THEIRS) and PathFinder.find_spec(name, path) is not None
        theirs = THEIRS + name.removeprefix(OURS)
        if is_ours or name.split(".")[1].startswith("_") or not _exists(theirs):
            return None
        return ModuleSpec(name, cls, loader_state=theirs)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """The module itself, under its own name."""
        module = import_module(spec.loader_state)
        spec.loader_state = module.__spec__
        return module

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Nothing to run: it has run under its own name. Only its spec must be its own again."""
        spec = module.__spec__
        if spec is not None and spec.loader_state is not None:
            module.__spec__ = spec.loader_state


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, not a package
        return False


def install() -> None:
    """Make the aliases importable."""
    if OpenAIModules not in sys.meta_path:
        sys.meta_path.insert(0, OpenAIModules)


def attribute(name: str) -> Any:
    """A public name of the openai package; a resource of its module-level client is one of ours.

    Raises `AttributeError` as a module does.
    """
    if name == "models_resource":  # `muxi_llm.models` is a module of ours
        name = "models"
    openai = import_module("openai")
    if not hasattr(openai, name):
        raise AttributeError(f"module 'muxi_llm' has no attribute {name!r}")
    ours = import_module("muxi_llm.clients.module")
    if name == "_reset_client":
        return ours.reset
    return ours.Resource(name).__as_proxied__() if name in ours.RESOURCES else getattr(openai, name)


def delegate(module: str, name: str) -> Any:
    """A public name of `openai.<module>`, for a module of ours of the same name."""
    if name.startswith("_"):
        raise AttributeError(name)
    theirs = import_module(f"openai.{module}")
    if hasattr(theirs, name):
        return getattr(theirs, name)
    try:
        return import_module(f"openai.{module}.{name}")
    except ModuleNotFoundError:
        raise AttributeError(f"module 'muxi_llm.{module}' has no attribute {name!r}") from None
