"""Presets: the model, its settings and the notes around them as signed data, changed without a deploy.

    muxi_llm.config.presets = muxi_llm.presets.open("config/llm", trust="deploy/llmix-trust.json")
    ChatCompletion.create(preset="search_summary/openai_fast", messages=[...])

    preset = muxi_llm.presets.load("config/llm/source/search_summary/openai_fast.mda")
    preset.config, preset.body

Pure parts, which know neither disk nor clock, from the bottom up: `canonical` (JSON, digests), `yaml`
(front matter), `schema` over `schemas`, `source` (a document, a preset), `network` (`requires.network`);
then `keys`, `did_web` (a domain's keys), `trust` (policies, signatures) and `sigstore`; then what the
command `mda` needs, `artifact` (any document) and `evidence` (a release's papers); `root` (what a release is)
and `freshness` (which may be served). The shell: `loading` (one file), `files`, `release`, `publish`,
`registry` (what is served), `opening`; and `calls`, which puts a preset on a call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from muxi_llm.loading import loading as importing

if TYPE_CHECKING:
    from muxi_llm.presets.loading import LoadOptions as LoadOptions
    from muxi_llm.presets.loading import load as load
    from muxi_llm.presets.opening import open as open  # noqa: A004 - `presets.open`
    from muxi_llm.presets.opening import trusting as trusting
    from muxi_llm.presets.publish import ConfigRegistryPublisher as ConfigRegistryPublisher
    from muxi_llm.presets.registry import ConfigRegistryManager as ConfigRegistryManager
    from muxi_llm.presets.source import Preset as Preset

HOMES = {
    "load": "loading",
    "LoadOptions": "loading",
    "open": "opening",
    "trusting": "opening",
    "ConfigRegistryManager": "registry",
    "ConfigRegistryPublisher": "publish",
    "Preset": "source",
}
"""Names of this package, and the modules they are from; they need the extra `presets`."""


def __getattr__(name: str) -> Any:
    """A name, loaded when it is first asked for."""
    if name not in HOMES:
        raise AttributeError(f"module 'muxi_llm.presets' has no attribute {name!r}")
    with importing.under_way():
        return getattr(import_module(f"muxi_llm.presets.{HOMES[name]}"), name)
