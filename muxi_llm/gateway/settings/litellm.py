"""A LiteLLM proxy's configuration → the YAML dialect, and what became of each of its fields.

general sections ─► the same in our words, and what all deployments have by default
model_list       ─► a provider for each set of credentials, its deployments below it
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from muxi_llm.core.request import MAKERS
from muxi_llm.gateway.settings.litellm_fields import (
    ADAPTED,
    ANTHROPIC,
    DROPPED,
    IMPORTED,
    INFO,
    NOTHING,
    OTHERS,
    PARAMETERS,
    PARAMS,
    PREFIXES,
    ROUTES,
    SECTIONS,
    UNKNOWN,
    Field,
    kept,
    left,
)
from muxi_llm.gateway.settings.reading import ConfigurationError, Finding, items_of, shown, table
from muxi_llm.providers import registry
from muxi_llm.providers.compatible import OpenAICompatible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from muxi_llm.providers.base import Provider

    Tree = dict[str, Any]

T = TypeVar("T")


class Fate(NamedTuple):
    """What became of a field. where: its place in LiteLLM's file; of deployments without their numbers."""

    where: str
    verdict: str
    how: str


class Home(NamedTuple):
    """Where a deployment is. kind: the provider's class, `None` for any server of OpenAI's wire."""

    prefix: str
    kind: type[Provider] | None
    model: str


def imported(raw: Mapping[str, Any]) -> tuple[Tree, list[Fate]]:
    """The configuration in our words, and the fate of each field of *raw*, in its order. Values are quoted in
    none of them. Raises `ConfigurationError` where no model is left.
    """
    reading = _Reading(raw)
    out = reading.all()
    if not out["providers"]:
        why = "; ".join(fate.how for fate in reading.fates if fate.where.endswith(".model"))
        raise ConfigurationError([Finding("model_list", f"there is no model that can be asked here. {why}")])
    return out, reading.fates


class _Reading:
    """One configuration, read once."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._environment = {
            str(name): str(value) for name, value in _table(raw, "environment_variables").items()
        }
        self._raw = self._with_variables(dict(raw))
        self.fates: list[Fate] = []
        self._out: Tree = {}
        """The sections but for the providers; what is not of that shape yet stands in `LATER`."""
        self._providers: dict[str, Tree] = {}
        self._ordered: set[str] = set()
        """Models whose deployments are asked in their order."""

    def all(self) -> Tree:
        """Everything."""
        for name, value in self._raw.items():
            if name not in {*SECTIONS, *OWN}:
                self._take(name, OTHERS.get(name, UNKNOWN), value, {})
        for name in self._environment:
            self._tell(f"environment_variables.{name}", ENVIRONMENT)
        for name, fields in SECTIONS.items():
            self._read(name, _table(self._raw, name), fields, self._out)
        deployments = [(one, self._params(one)) for one in _tables(self._raw, LIST)]
        for raw, params in sorted(deployments, key=_place_of):
            self._deployment(raw, params)
        return self._finished()

    # --------------------------------------------------------------------------------- values

    def _with_variables(self, value: Any) -> Any:
        """`os.environ/NAME` as `${NAME}`, with what `environment_variables` has for it as the default."""
        if isinstance(value, dict):
            return {key: self._with_variables(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._with_variables(item) for item in value]
        if not isinstance(value, str) or not value.startswith(VARIABLE):
            return value
        name = value.removeprefix(VARIABLE)
        default = self._environment.get(name)
        is_plain = default is not None and "}" not in default and not default.startswith(VARIABLE)
        return f"${{{name}:{default}}}" if is_plain else f"${{{name}}}"

    def _tell(self, where: str, field: Field) -> None:
        self.fates.append(Fate(where, field.verdict, field.why or PLACES.sub(_place, field.to)))

    def _read(self, where: str, raw: Mapping[str, Any], fields: Mapping[str, Field], into: Tree) -> None:
        for name, value in raw.items():
            field = fields.get(name, UNKNOWN)
            if value is None:
                continue
            if field.each is None:
                self._take(f"{where}.{name}", field, value, into)
                continue
            for word in [value] if isinstance(value, str) else value:
                own = field.each.get(word, UNKNOWN) if isinstance(word, str) else UNKNOWN
                self._take(
                    f"{where}.{name}.{word if isinstance(word, str) else shown(word)}", own, True, into
                )

    def _take(self, where: str, field: Field, value: Any, into: Tree) -> None:
        if field.verdict == DROPPED and field is not UNKNOWN and (value is False or value in ([], {})):
            self._tell(where, OFF)
            return
        try:
            value = value if _is_variable(value) else field.reads(value)
        except ValueError as error:
            self._tell(where, left(str(error)))
            return
        if field.to and value is not NOTHING:
            _put(into, field.to, value)
        self._tell(where, field)

    # ---------------------------------------------------------------------------- deployments

    def _params(self, raw: Mapping[str, Any]) -> Tree:
        """Those of one deployment: its own, which may stand beside them too, and those of its credentials."""
        params = {**_table(raw, "litellm_params")}
        params |= {name: value for name, value in raw.items() if name not in ENTRY}
        named = params.pop("litellm_credential_name", None)
        if named is not None:
            known = {one.get("credential_name"): one for one in _tables(self._raw, "credential_list")}
            fate = kept("providers[]") if named in known else left("there is no such credential")
            self._tell(f"{LIST}[].litellm_params.litellm_credential_name", fate)
            params = {**_table(known.get(named, {}), "credential_values"), **params}
        return params

    def _deployment(self, raw: Mapping[str, Any], params: Tree) -> None:
        name, asked = str(raw.get("model_name", "")), params.pop("model", None)
        home = home_of(str(asked or ""), params.pop("custom_llm_provider", None), "api_base" in params)
        why = "" if name and asked else "model_name and litellm_params.model are both needed"
        why = why or self._unfit(name, home)
        if why:
            self._tell(f"{LIST}[].litellm_params.model", left(why))
            return
        self._tell(f"{LIST}[].litellm_params.model", kept("provider.type and models[]"))
        found: Tree = {"model": {"name": name}, "provider": {}}
        if home.model != name:
            found["model"]["model"] = "*" if "*" in name else home.model
        fields = fields_for(home)
        self._read_defaults(params, fields, found)
        self._read(f"{LIST}[].litellm_params", params, fields, found)
        self._read(f"{LIST}[].model_info", _table(raw, "model_info"), INFO, found)
        self._placed(home, found)
        if "order" in found:
            self._ordered.add(name)

    def _read_defaults(self, params: Tree, fields: Mapping[str, Field], into: Tree) -> None:
        """What all have that is not in *params*. What is kept of it was told where it stands."""
        told = len(self.fates)
        defaults = self._out.get("defaults", {})
        missing = {name: value for name, value in defaults.items() if name not in params}
        self._read("router_settings.default_litellm_params", missing, fields, into)
        self.fates[told:] = [fate for fate in self.fates[told:] if fate.verdict == DROPPED]

    def _unfit(self, name: str, home: Home) -> str:
        """Why there can be no such deployment."""
        if not home.prefix:
            return f"whose {home.model or 'it'} is, its name does not say: write provider/model"
        if "*" in name + home.model and name not in {home.model, f"{home.prefix}/{home.model}", "*"}:
            return f"{name}: a name with a * in it must be the model's own"
        return ""

    def _placed(self, home: Home, found: Tree) -> None:
        """Put with the provider it shares credentials with; one in its order, or with a limit, by itself."""
        provider, model = found["provider"], found["model"]
        alone = [len(self._providers)] if "max_concurrent" in provider else []
        known_by = json.dumps([home.prefix, provider, found.get("order"), alone], sort_keys=True, default=str)
        if known_by not in self._providers:
            base = home.kind.name if home.kind and "*" not in model["name"] else home.prefix
            taken = {one["name"] for one in self._providers.values()}
            names = (base if count == 1 else f"{base}-{count}" for count in range(1, len(taken) + 2))
            own = next(name for name in names if name not in taken)
            if own != base and model["name"].startswith(f"{base}/"):  # a * is what stands behind its own name
                self._tell(f"{LIST}[].model_name", left(f"{base}/* can be one provider's alone"))
                return
            kind = {"type": home.kind.name} if home.kind else {}
            self._providers[known_by] = {"name": own, **kind, **provider, "models": []}
        self._providers[known_by]["models"].append(model if model.keys() != {"name"} else model["name"])

    # ------------------------------------------------------------------------------ the whole

    def _finished(self) -> Tree:
        out = {name: value for name, value in self._out.items() if name not in LATER}
        providers = list(self._providers.values())
        groups = dict.fromkeys(_name(model) for one in providers for model in one["models"])
        self._aliased(providers)
        chains = dict(self._out.get("chains", {}))
        general = [*self._out.get("default", ()), *chains.pop("*", ())]
        for group in groups:
            after = [name for name in chains.get(group, general) if name != group]
            if after:
                chains[group] = after
        self._route(out, "fallbacks", chains)
        self._route(out, "strategies", dict.fromkeys(self._ordered, "in-order"))
        if out.get("auth"):
            _put(out, "auth.enabled", value=True)
        if shared := out.pop("redis", {}):
            self._share(out, shared)
        return {"providers": providers, **out}

    def _route(self, out: Tree, name: str, by_model: Tree) -> None:
        """What is said of models holds for their other names too."""
        known = {**out.get("routing", {}).get(name, {}), **by_model}
        aliases = self._out.get("aliases", {}).items()
        known |= {alias: known[meant] for alias, meant in aliases if meant in known}
        if known:
            _put(out, f"routing.{name}", known)

    def _share(self, out: Tree, redis: Tree) -> None:
        if "host" in redis:
            redis["addr"] = f"{redis.pop('host')}:{redis.pop('port', 6379)}"
        if "addr" in redis:
            out["redis"] = redis
            _put(out, "routing.distributed", value=True)
        else:
            self._tell("router_settings.redis_host", left("is missing, so nothing is shared"))

    def _aliased(self, providers: list[Tree]) -> None:
        for alias, meant in self._out.get("aliases", {}).items():
            for provider in providers:
                provider["models"] = [
                    _with_alias(model, alias) if _name(model) == meant else model
                    for model in provider["models"]
                ]


def home_of(asked: str, named: object, has_address: bool) -> Home:
    """Whose a model is: by what stands before it, or by what it is called."""
    prefix, slash, model = asked.partition("/")
    if isinstance(named, str) and named:
        prefix, model = named, asked.removeprefix(f"{named}/")
    elif not slash:
        word = re.split(r"[-.]", asked)[0]
        prefix, model = MAKERS.get(word, "openai" if OPENAIS.match(asked) or has_address else ""), asked
    kind = registry.find(PREFIXES.get(prefix, prefix)) if prefix else None
    if kind is None and not has_address:
        return Home("", None, asked)
    if kind is not None and kind.name in {"bedrock", "azure", "openai"}:
        model = next((model.removeprefix(way) for way in ROUTES if model.startswith(way)), model)
    return Home(prefix, kind, model)


def fields_for(home: Home) -> Mapping[str, Field]:
    """The table of a deployment's fields, as far as its provider has them."""
    kind = home.kind
    known = kind.settings_env if kind else {}
    own = {
        name: field
        if not field.to.startswith(SETTING) or field.to.removeprefix(SETTING) in known
        else left(f"{home.prefix} has no such setting here")
        for name, field in PARAMS.items()
    }
    is_openai = kind is None or issubclass(kind, OpenAICompatible)
    same: Iterable[str] = PARAMETERS if is_openai else ANTHROPIC if home.prefix == "anthropic" else ()
    foreign = left(f"defaults are added to the body as {home.prefix} has it: write key_add in its words")
    return {
        **{name: kept(f"model.key_add.{name}") if name in same else foreign for name in PARAMETERS},
        **own,
    }


def _place(match: re.Match[str]) -> str:
    return SHOWN[match[0]]


def _place_of(deployment: tuple[Mapping[str, Any], Mapping[str, Any]]) -> tuple[bool, float]:
    """Patterns first: a `*` is what stands behind their provider's name, so it must be theirs."""
    raw, params = deployment
    order = params.get("order")
    return "*" not in str(raw.get("model_name")), order if isinstance(order, int | float) else float("inf")


def _table(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The table *name*, empty where there is none."""
    return _known(name, table, holder.get(name) or {})


def _tables(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [_known(f"{name}[]", table, one) for one in _known(name, items_of, holder.get(name) or [])]


def _known(where: str, kind: Callable[[object], T], value: object) -> T:
    try:
        return kind(value)
    except ValueError as error:
        raise ConfigurationError([Finding(where, str(error))]) from None


def _is_variable(value: object) -> bool:
    return isinstance(value, str) and value.startswith("${")


def _name(model: Any) -> str:
    return str(model if isinstance(model, str) else model["name"])


def _with_alias(model: Any, alias: str) -> Tree:
    known = {"name": model} if isinstance(model, str) else model
    return {**known, "aliases": [*known.get("aliases", ()), alias]}


def _put(tree: Tree, way: str, value: Any) -> None:
    """*value* at the end of *way*; tables are put together, and lists in `chains` one after the other."""
    *steps, last = way.split(".")
    for step in steps:
        tree = tree.setdefault(step, {})
    before = tree.get(last)
    if isinstance(value, dict) and isinstance(before, dict):
        for name, item in value.items():
            also = before.get(name)
            before[name] = list(dict.fromkeys([*also, *item])) if isinstance(also, list) else item
    else:
        tree[last] = dict(value) if isinstance(value, dict) else value


SHOWN = {
    "chains": "routing.fallbacks",
    "default": "routing.fallbacks",
    "defaults": "each deployment's",
    "model": "providers[].models[]",
    "provider": "providers[]",
}
"""Where things stand in the end that are read into places of their own."""
PLACES = re.compile(r"^(provider|model|chains|defaults?)\b")

VARIABLE = "os.environ/"
LIST = "model_list"
SETTING = "provider.settings."
ENTRY = ("model_name", "litellm_params", "model_info")
OWN = (LIST, "environment_variables", "credential_list")
"""Sections read apart."""

LATER = {"defaults", "chains", "default", "aliases"}
OFF = Field(IMPORTED, "", "off here too")
ENVIRONMENT = Field(
    ADAPTED, "", "the default of ${NAME} where that stands; set the variable where it does not"
)
OPENAIS = re.compile(r"(gpt-|chatgpt-|o[1-9]|text-embedding-|dall-e|whisper|tts-|omni-moderation)")
