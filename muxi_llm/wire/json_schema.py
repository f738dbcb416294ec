"""JSON answers: the words that ask for them, and schemas in the dialects that enforce them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from muxi_llm.wire.base import Json, Ledger


def json_instruction(schema: Json | None = None) -> str:
    """What a model without JSON mode is told."""
    if schema is None:
        return "Answer with one valid JSON object and nothing else: no prose, no code fence."
    return (
        "Answer with one JSON value that is valid against this JSON schema, and nothing else: "
        f"no prose, no code fence.\n{orjson.dumps(schema).decode()}"
    )


def closed_schema(schema: Json, ledger: Ledger, param: str) -> Json:
    """A copy of *schema* as grammar-constrained decoders take it: objects closed, bounds left out.

    Source: https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs (limitations).
    """
    lost: set[str] = set()
    closed = _close(schema, lost)
    if lost:
        ledger.dropped(param, f"schema keywords not enforced there: {', '.join(sorted(lost))}")
    return closed  # type: ignore[no-any-return]  # a dict in is a dict out


def _close(node: Any, lost: set[str]) -> Any:
    if not isinstance(node, dict):
        return node
    lost.update(node.keys() & UNENFORCED)
    kept = {key: value for key, value in node.items() if key not in UNENFORCED}
    out = _with_subschemas(kept, lambda sub: _close(sub, lost))
    if "properties" in out or "object" in (out.get("type"), *_listed(out.get("type"))):
        if out.get("additionalProperties"):
            lost.add("additionalProperties")
        out["additionalProperties"] = False
    return out


def require_all(schema: Json) -> Json:
    """A copy of a Pydantic schema in OpenAI's strict dialect: every property required, objects closed, of
    alternatives `anyOf` alone. It grows with the schema, not with the ways through it.

    Source: https://platform.openai.com/docs/guides/structured-outputs (supported schemas).
    """
    ref = schema.get("$ref")
    if ref is not None:  # of a class that contains itself; the root must be an object
        schema = {**_resolve(schema, ref), **{key: value for key, value in schema.items() if key != "$ref"}}
    return _strict(schema, schema)  # type: ignore[no-any-return]  # a dict in is a dict out


def _strict(node: Any, root: Json) -> Any:
    if not isinstance(node, dict):
        return node
    node = {key: value for key, value in node.items() if not (key == "default" and value is None)}
    ref = node.get("$ref")
    if ref is not None and len(node) > 1:  # strict mode refuses siblings of $ref
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        target = _resolve(root, ref)
        if "$ref" in _keys(target):  # moved in, it would bring others along, and those others
            return {**siblings, "anyOf": [{"$ref": ref}]}
        node = {**target, **siblings}
    out = _with_subschemas(_alternatives(node), lambda sub: _strict(sub, root))
    if "properties" in out:
        out["required"] = list(out["properties"])
        out["additionalProperties"] = False
    elif out.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


def _alternatives(node: Json) -> Json:
    """*node* with `anyOf` in the place of `oneOf`: in Pydantic's schemas, unions told apart by a field."""
    if "oneOf" not in node:
        return node
    rest = {key: value for key, value in node.items() if key not in {"oneOf", "discriminator"}}
    return {**rest, "anyOf": [*_listed(node.get("anyOf")), *_listed(node["oneOf"])]}


def any_of(schema: Json) -> Json:
    """*schema* without `oneOf`, which strict mode refuses; itself if there is none."""
    return _any_of(schema) if "oneOf" in _keys(schema) else schema


def _any_of(node: Any) -> Any:
    return _with_subschemas(_alternatives(node), _any_of) if isinstance(node, dict) else node


def is_strict(schema: Json) -> bool:
    """Whether OpenAI's strict mode takes *schema* as it is."""
    return schema.get("type") == "object" and "anyOf" not in schema and all(map(_is_strict, _nodes(schema)))


def _is_strict(node: Json) -> bool:
    if UNSTRICT & node.keys() or not TELLING & node.keys():
        return False
    if "properties" not in node and node.get("type") != "object":
        return True
    properties = node.get("properties")
    return node.get("additionalProperties") is False and list(properties or ()) == node.get("required")


def one_root(schema: Json) -> tuple[Json, list[str]]:
    """*schema* without combinators at its top, where a tool's parameters may have none, and those it had.

    What the alternatives name is allowed together; required is what each of them requires.
    Sources: https://platform.openai.com/docs/guides/function-calling, and
    https://github.com/langchain-ai/langchain/issues/39271 for Anthropic's own words.
    """
    lost = sorted(COMBINATORS & schema.keys())
    if not lost:
        return schema, lost
    out = {key: value for key, value in schema.items() if key not in COMBINATORS}
    properties, required = dict(schema.get("properties") or {}), set(schema.get("required") or ())
    for key in ("allOf", "anyOf", "oneOf"):
        branches = [_branch(schema, branch) for branch in _listed(schema.get(key))]
        for branch in branches:
            properties = {**(branch.get("properties") or {}), **properties}
        needed = [set(branch.get("required") or ()) for branch in branches]
        if needed:
            required |= set.union(*needed) if key == "allOf" else set.intersection(*needed)
    out.update(type="object", properties=properties)
    if required:
        out["required"] = sorted(required)
    return out, lost


def _branch(root: Json, branch: Any) -> Json:
    if not isinstance(branch, dict):
        return {}
    return _resolve(root, branch["$ref"]) if "$ref" in branch else branch


def with_properties(schema: Json) -> Json:
    """*schema* with `properties` in each object and `items` in each array, without which OpenAI refuses it;
    itself if nothing is missing.
    """
    if all(needed in node for node in _nodes(schema) for kind, needed in PARTS if node.get("type") == kind):
        return schema
    return _completed(schema)  # type: ignore[no-any-return]  # a dict in is a dict out


def _completed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    missing: Json = {needed: {} for kind, needed in PARTS if node.get("type") == kind and needed not in node}
    return _with_subschemas({**node, **missing}, _completed)


def renamed_keys(
    schema: Json, fits: re.Pattern[str], short: Callable[[str], str]
) -> tuple[Json, dict[str, str]]:
    """*schema* with the names of its own properties that do not fit made *short*, and those back to its own.

    Those deeper in it nobody checks:
    https://github.com/aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws/issues/709.
    """
    properties: Any = schema.get("properties")
    odd = [key for key in properties if not fits.fullmatch(key)] if isinstance(properties, dict) else []
    if not odd:
        return schema, {}
    names = {key: short(key) for key in odd}
    out = {**schema, "properties": {names.get(key, key): value for key, value in properties.items()}}
    if isinstance(out.get("required"), list):
        out["required"] = [names.get(key, key) for key in out["required"]]
    return out, {new: old for old, new in names.items()}


def _nodes(node: Any) -> Iterator[Json]:
    """Each schema within *node*, itself first."""
    if not isinstance(node, dict):
        return
    yield node
    for key, value in node.items():
        if key in DATA:
            continue
        if key in NAMED and isinstance(value, dict):
            value = list(value.values())  # noqa: PLW2901
        for sub in value if isinstance(value, list) else (value,):
            yield from _nodes(sub)


def _keys(schema: Json) -> set[str]:
    return {key for node in _nodes(schema) for key in node}


def _resolve(root: Json, ref: str) -> Json:
    target = root
    for name in ref.removeprefix("#/").split("/"):
        target = target[name.replace("~1", "/").replace("~0", "~")]
    return target


def _with_subschemas(node: Json, visit: Callable[[Any], Any]) -> Json:
    """A copy of *node*, its schemas (not its names or its data) as *visit* returns them."""
    out: Json = {}
    for key, value in node.items():
        if key in NAMED and isinstance(value, dict):
            out[key] = {name: visit(sub) for name, sub in value.items()}
        elif key in DATA:
            out[key] = value
        else:
            out[key] = [visit(sub) for sub in value] if isinstance(value, list) else visit(value)
    return out


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


PARTS = (("object", "properties"), ("array", "items"))
COMBINATORS = {"anyOf", "oneOf", "allOf", "not", "enum", "if", "then", "else"}
TELLING = {"type", "$ref", "anyOf", "enum", "const"}
"""Without one of these a schema allows anything."""
UNSTRICT = {
    "oneOf", "allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "prefixItems",
    "patternProperties",
}  # fmt: skip
NAMED = {"properties", "$defs", "definitions"}
"""Their keys are names, their values schemas."""
DATA = {"enum", "const", "default", "examples", "required"}
"""Not schemas, whatever they look like."""
UNENFORCED = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "maxItems", "minItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties",
}  # fmt: skip
