"""From the bytes of a `.mda` file to its front matter and body, and on to a preset.

split     bytes → front matter's text, body                  (`no front matter` is no fault yet)
document  → front matter as values, checked against MDA's schema
preset    → what a call needs of it: `Preset.config`, LLMix's runtime config in camel case
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from muxi_llm.presets import canonical, schema, yaml
from muxi_llm.presets.errors import MdaError, SecurityError
from muxi_llm.presets.schemas import NAMES
from muxi_llm.providers.asked import params_of

SOURCE_BYTES = 1 << 20
"""How large a document may be."""

NAMESPACE = "snoai-llmix"


# --------------------------------------------------------------------------------------- extraction


@dataclass(frozen=True)
class Parts:
    """A document's text. front: `None` where there is none. body: with one kind of newline."""

    front: str | None
    body: str
    _before: str = field(repr=False, default="")
    _after: str = field(repr=False, default="")

    def with_front(self, front: str) -> bytes:
        """The file again, with other front matter; its body and its kind of newlines stay."""
        newline = next(iter(re.findall(r"\r\n|\r|\n", self._before)), "\n")
        return (self._before + front.replace("\n", newline) + self._after).encode()


def split(data: bytes) -> Parts:
    """The two parts of a document. Raises `MdaError`: `invalid-encoding`, `unterminated-frontmatter`."""
    if len(data) > SOURCE_BYTES:
        raise MdaError("schema-violation", f"the document is larger than {SOURCE_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise MdaError("invalid-encoding", f"the document is not UTF-8 (byte {error.start})") from None
    opening = re.match(r"\ufeff?---(?:\r\n|\r|\n)", text)
    if opening is None:
        return Parts(None, _newlines(text.removeprefix("\ufeff")))
    for line in LINE.finditer(text, opening.end()):
        if line[1] == "---":
            front = _newlines(text[opening.end() : line.start()])
            body = _newlines(text[line.end() :])
            return Parts(front, body, opening[0], text[line.start() :])
    raise MdaError("unterminated-frontmatter", "opening --- without matching closing fence")


LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Document:
    """A document that can be read; whether it says what it may is another question (`check`).

    front: its front matter as values. body: its Markdown, with one kind of newline.
    """

    front: dict[str, Any]
    body: str
    parts: Parts = field(repr=False)

    @cached_property
    def canonical(self) -> bytes:
        """What digests are over. Raises `MdaError` for a value that JSON cannot say."""
        return canonical.canonical(self.front, self.body)

    def digest(self, algorithm: str = "sha256") -> str:
        """`sha256:…` of the canonical bytes."""
        return canonical.digest(self.canonical, algorithm)

    def with_entry(self, name: str, value: Any) -> bytes:
        """The file with *name* set to *value* in its front matter, and all else as it was."""
        return self.parts.with_front(yaml.edited(self.parts.front or "", self.front, name, value))

    def without(self, name: str) -> Document:
        """The same document without *name*; what is left is as it was."""
        return document(self.parts.with_front(yaml.without(self.parts.front or "", self.front, name)))


def document(data: bytes) -> Document:
    """The document in *data*. Raises `MdaError` for one without front matter, or that cannot be read."""
    parts = split(data)
    front = yaml.read_yaml(parts.front) if parts.front is not None else None
    if front is None:
        raise MdaError("missing-required-frontmatter", "source requires YAML frontmatter")
    if not isinstance(front, dict):
        raise MdaError("frontmatter-yaml-parse-error", "front matter must be a mapping")
    return Document(front, parts.body, parts)


def check(found: Document, kind: schema.Kind = "source", *, strict: bool = False) -> tuple[str, ...]:
    """What upstream would refuse and we take. Raises `MdaError` for what MDA's schema does not allow.

    The one thing is a `name` with underscores, such as `openai_fast`; *strict* refuses it as well.
    """
    wrong = schema.faults(found.front, kind)
    lenient = [fault for fault in wrong if _is_underscore(fault, found.front)]
    if refused := wrong if strict else [fault for fault in wrong if fault not in lenient]:
        raise MdaError("schema-violation", "; ".join(map(str, refused)), faults=refused)
    check_payload_digests(found.front)
    return tuple(map(str, lenient))


def _is_underscore(fault: schema.Fault, front: dict[str, Any]) -> bool:
    name = front.get("name")
    return (
        fault.where == "/name" and "must match pattern" in fault.text
        and isinstance(name, str) and re.fullmatch(r"[a-z0-9]+([-_]+[a-z0-9]+)*", name) is not None
    )  # fmt: skip


def check_payload_digests(front: dict[str, Any]) -> None:
    """Raises `MdaError` unless every signature says that it is over the document's own digest."""
    signatures, integrity = front.get("signatures"), front.get("integrity")
    if not isinstance(signatures, list):
        return
    if not isinstance(integrity, dict):
        raise MdaError("signatures-without-integrity", "signatures need integrity")
    for index, entry in enumerate(signatures):
        if not isinstance(entry, dict) or entry.get("payload-digest") != integrity.get("digest"):
            raise MdaError(
                "signature-digest-mismatch", f"signatures[{index}].payload-digest must equal integrity.digest"
            )


# ------------------------------------------------------------------------------------------- preset


@dataclass(frozen=True)
class Preset:
    """A document as a preset.

    module, preset: which it is, `None` where neither it nor who loads it says so. config: LLMix's runtime
    config, in camel case: `provider`, `model`, and `common`, `providerOptions`, `caching` and so on where
    they are said. warnings: what upstream's tools would refuse of it.
    """

    module: str | None
    preset: str | None
    config: dict[str, Any]
    document: Document
    warnings: tuple[str, ...] = ()
    revision: str | None = None

    def released(self, config: dict[str, Any], revision: str) -> Preset:
        """The same, as it is in a release."""
        return replace(self, config=config, revision=revision)

    @property
    def id(self) -> str | None:
        """`module/preset`."""
        return f"{self.module}/{self.preset}" if self.module and self.preset else None

    @property
    def front(self) -> dict[str, Any]:
        """The front matter, whole."""
        return self.document.front

    @property
    def body(self) -> str:
        """The Markdown below the front matter, with one kind of newline: notes for people, or a prompt."""
        return self.document.body

    @cached_property
    def asked(self) -> tuple[dict[str, Any], list[str]]:
        """What it asks of a call, by the names of the faces' parameters, and what in vain."""
        return params_of(self.config)

    @cached_property
    def fitting(self) -> dict[str, dict[str, Any]]:
        """The same by endpoint, once it is known that all of it can be asked there."""
        return {}

    @cached_property
    def told(self) -> tuple[str | None, str | None]:
        """As `response.muxi` tells it: `module/preset` (else the document's name), and the release."""
        return self.id or self.name, self.revision

    @property
    def name(self) -> str:
        """What the document is called."""
        return str(self.front["name"])

    @property
    def description(self) -> str:
        """What it says of itself."""
        return str(self.front["description"])

    @cached_property
    def network(self) -> Any:
        """`requires.network`: what the preset says it must reach; see `muxi_llm.presets.network`."""
        return (self.front.get("requires") or {}).get("network")


def preset_of(
    found: Document, *, module: str | None = None, preset: str | None = None, warnings: tuple[str, ...] = ()
) -> Preset:
    """*found* as a preset. *module* and *preset* are from its path; it may leave them out, but not differ.

    Raises `MdaError` (`project-schema-violation`) for what LLMix's part of it may not say.
    """
    for name in ("name", "description"):
        if name not in found.front:
            raise MdaError("project-schema-violation", f"a preset must have a {name}")
    said = namespace(found.front)
    if said is None:
        raise MdaError("project-schema-violation", f"metadata.{NAMESPACE} is required")
    if wrong := schema.namespace_faults(said, "llmix-loaded"):
        raise MdaError("project-schema-violation", "; ".join(str(fault) for _, fault in wrong))
    for word, path, own in (("module", module, said.get("module")), ("preset", preset, said.get("preset"))):
        if path is not None and own not in {None, path}:
            raise MdaError(
                "project-schema-violation", f"metadata.{NAMESPACE}.{word} must be that of the path, {path}"
            )
    return Preset(
        module or said.get("module"), preset or said.get("preset"), projected(found.front), found, warnings
    )


def read_preset(
    data: bytes, *, module: str | None = None, preset: str | None = None, strict: bool = False
) -> Preset:
    """A file's bytes as a preset; its schemas are checked, neither its digest nor its signatures."""
    found = document(data)
    return preset_of(found, module=module, preset=preset, warnings=check(found, strict=strict))


def namespace(front: dict[str, Any]) -> dict[str, Any] | None:
    """LLMix's part of *front*, `None` if there is none."""
    metadata = front.get("metadata")
    found = metadata.get(NAMESPACE) if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else None


def projected(front: dict[str, Any]) -> dict[str, Any]:
    """The runtime config of a front matter that has been checked: what `resolved/<module>/` has of it."""
    said = namespace(front) or {}
    common = dict(said["common"])
    config: dict[str, Any] = {"provider": common.pop("provider"), "model": common.pop("model")}
    config["common"] = common
    config["description"] = said.get("description", front.get("description"))
    config["tags"] = said.get("tags", front.get("tags"))
    config.update({name: said.get(name) for name in COPIED})
    return {name: _whole(value) for name, value in config.items() if value is not None and value != {}}


def _whole(value: Any) -> Any:
    """A copy in which `1.0` is `1`, as JavaScript writes it: a release has one text, whoever made it."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else deepcopy(value)


def check_name(word: str, value: str) -> None:
    """Raises `SecurityError` unless *value* can be a `module`, `preset` or `scope`: it becomes a path."""
    if re.search(r"[/\\~$`]|\.\.", value) or not re.fullmatch(NAMES[word], value):
        raise SecurityError(f"a {word} must match {NAMES[word]}")


COPIED = ("providerOptions", "caching", "timeout", "deprecated", "bypassGateway")
