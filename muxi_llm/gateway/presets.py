"""Presets of models: laid beneath what is asked for, by whatever release the registry has served last.

A deployment whose model is `*` has the preset's own; a new release is another model, and nobody restarts
anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.core.request import ModelRef
from muxi_llm.errors import InvalidRequestError
from muxi_llm.routes import ANY
from muxi_llm.runtime import preset_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.core.request import Candidate
    from muxi_llm.gateway.settings.model import Settings
    from muxi_llm.presets.source import Preset
    from muxi_llm.routing.deployments import Deployment
    from muxi_llm.routing.facts import Facts


class Presets:
    """Those of one configuration."""

    def __init__(self, settings: Settings, before: Presets | None = None) -> None:
        """before: whose place it takes; a registry that is asked for in the same words is kept.

        Raises `InvalidRequestError` for a registry that is not right, and a preset that is not in it.
        """
        self._of = {one.deployment.name: one.preset for one in settings.deployments if one.preset}
        self.asked = settings.presets
        self.registry: Any = None
        if not self._of:
            return
        if self.asked:
            kept = before.registry if before is not None and before.asked == self.asked else None
            self.registry = kept or self._opened()
        for name in self._of.values():
            self._found(name)

    def _opened(self) -> Any:
        calls, given = preset_calls(), dict(self.asked)
        try:
            return calls.opened(given.pop("dir"), **given)
        except (calls.LLMConfigError, calls.MdaError, OSError) as error:
            raise InvalidRequestError(f"presets: {error}", param="presets") from error

    def _found(self, name: str) -> Preset:
        calls = preset_calls()
        found: Preset = calls.found(name, self.registry)
        if not found.asked[0].get("model"):
            raise InvalidRequestError(f"presets: {name} names no model", param="presets")
        return found

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._of)

    @property
    def used(self) -> dict[str, str]:
        """Deployment → its preset."""
        return dict(self._of)

    def at_work(self) -> Any:
        """The registry they are of; `None` where there are no presets."""
        return self.registry or (preset_calls().served() if self else None)

    def of(self, served: Sequence[Facts]) -> Preset | None:
        """What is laid beneath requests for a name that these serve, as it is now; `None`: nothing."""
        names = (self._of.get(one.deployment.name) for one in served) if self._of else ()
        name = next(filter(None, names), None)
        return None if name is None else self._found(name)

    def followed(self, preset: Preset, chosen: Sequence[Candidate]) -> list[Candidate]:
        """Those *chosen*, each with the model that it has by its preset. Raises where none may be asked."""
        provider, _, model = str(preset.asked[0]["model"]).partition("/")
        found = []
        for one in chosen:
            if one.watch is None or not self.follows(one.watch.facts.deployment):  # type: ignore[attr-defined]
                found.append(one)
            elif one.provider.name in {"", provider}:  # a server of one's own has no name here
                found.append(one._replace(ref=ModelRef(one.ref.provider, model)))
        if not found:
            message = f"preset {preset.id} is of {provider}, and no deployment that has it is"
            raise InvalidRequestError(message, param="model")
        return found

    def follows(self, deployment: Deployment) -> bool:
        """Whether its model is its preset's."""
        return deployment.name in self._of and deployment.model.endswith(f"/{ANY}")
