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

from muxi_llm.moved import MOVED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

OURS, THEIRS = "muxi_llm.", "openai."
NOT_SO_PRIVATE = {"__title__", "_reset_client"}
"""Names of the openai package that look private, and that programs use all the same: in their tests."""


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
