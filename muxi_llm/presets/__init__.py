"""Presets: model settings as signed data, `.mda` files, and the registry they are released through.

    preset = muxi_llm.presets.load("config/llm/source/search_summary/openai_fast.mda")
    preset.config, preset.body

Pure parts, which know neither disk nor clock, from the bottom up: `canonical` (JSON, digests), `yaml`
(front matter), `schema` over `schemas`, `source` (a document, a preset), `network` (`requires.network`);
then `keys`, `did_web` (a domain's keys), `trust` (policies, signatures) and `sigstore`; then what the
command `mda` needs, `artifact` (any document) and `evidence` (a release's papers). `loading` is the shell.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from muxi_llm.presets.loading import LoadOptions as LoadOptions
    from muxi_llm.presets.loading import load as load
    from muxi_llm.presets.source import Preset as Preset

HOMES = {"load": "loading", "LoadOptions": "loading", "Preset": "source"}
"""Names of this package, and the modules they are from; they need the extra `presets`."""


def __getattr__(name: str) -> Any:
    """A name, loaded when it is first asked for."""
    if name not in HOMES:
        raise AttributeError(f"module 'muxi_llm.presets' has no attribute {name!r}")
    return getattr(import_module(f"muxi_llm.presets.{HOMES[name]}"), name)
