"""LLMix's functions that load a preset from its `.mda` file: what `muxi_llm.presets` does, as a config.

A config is what `CallInput(config=...)` takes: snake case, with `provider` and `model` on top. The extra
`muxi-llm[presets]` is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from muxi_llm.presets.errors import InvalidConfigError
from muxi_llm.presets.loading import LoadOptions as MdaConfigLoadOptions
from muxi_llm.presets.loading import inside, load, load_as
from muxi_llm.presets.source import check_name
from muxi_llm.providers.spelling import snake_case

if TYPE_CHECKING:
    LLMConfig = dict[str, Any]

__all__ = [
    "MdaConfigLoadOptions",
    "build_mda_config_file_path",
    "load_mda_config",
    "load_mda_config_from_file",
    "load_mda_config_preset",
]


def load_mda_config(path: str | Path, options: MdaConfigLoadOptions | None = None) -> LLMConfig:
    """The config in the file *path*.

    Raises `InvalidConfigError`, `ConfigNotFoundError`, `ConfigAccessError` and `SecurityError`.
    """
    return snake_case(load(path, options).config)


def load_mda_config_preset(
    name: str, base_dir: str | Path, options: MdaConfigLoadOptions | None = None
) -> LLMConfig:
    """The config in `<base_dir>/<name>.mda`; *base_dir* is a module's folder, *name* may end in `.mda`."""
    folder = Path(base_dir).expanduser().resolve()
    return load_mda_config_from_file(folder.parent, folder.name, name, options)


def load_mda_config_from_file(
    config_dir: str | Path, module: str, preset: str, options: MdaConfigLoadOptions | None = None
) -> LLMConfig:
    """The config of *module* and *preset* in the folder *config_dir*."""
    place = build_mda_config_file_path(config_dir, module, preset)
    inside(place, Path(config_dir).expanduser())
    wanted = options or MdaConfigLoadOptions()
    return snake_case(load_as(place, wanted, module=module, preset=place.stem).config)


def build_mda_config_file_path(config_dir: str | Path, module: str, preset: str) -> Path:
    """`<config_dir>/<module>/<preset>.mda`. Raises `SecurityError` for names that lead elsewhere, and
    `InvalidConfigError` for `.yaml` and `.yml`.
    """
    if preset.lower().endswith((".yaml", ".yml")):
        raise InvalidConfigError(f"presets are .mda files, no longer YAML: {preset}")
    name = preset[:-4] if preset.lower().endswith(".mda") else preset
    check_name("module", module)
    check_name("preset", name)
    return Path(config_dir).expanduser().resolve() / module / f"{name}.mda"
