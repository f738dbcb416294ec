"""One registered provider, asked through a face, with a speaker at the other end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from muxi_llm import ChatCompletion
from muxi_llm.providers import registry
from muxi_llm.providers.base import Provider
from muxi_llm.providers.catalog import ROWS
from muxi_llm.runtime import using
from muxi_llm.transport.scripted import Answer, Scripted
from tests.conftest import Driver
from tests.support.bodies import HELLO
from tests.support.speakers import has_speaker, speaker_of
from tests.support.speakers.base import Asked, Said, Speaker
from tests.support.upstream import Respond

KEY = "sk-contract"
HOME = "http://upstream.test"
ROW_MODULE = "muxi_llm.providers.compatible"


@dataclass(frozen=True)
class Setting:
    """What one provider needs beside a key and a base URL. env: variables. model: instead of the speaker's."""

    env: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None


AWS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

SETTINGS: dict[str, Setting] = {
    "bedrock": Setting({"AWS_REGION": "us-east-1"}),
    "sagemaker": Setting(AWS),
    "watsonx": Setting({"WATSONX_TOKEN": KEY, "WATSONX_PROJECT_ID": "p1"}),
    "vertex": Setting({"VERTEXAI_PROJECT": "p1"}),
}

PROVIDERS = {name: registry.find(name) for name in sorted({*registry.NATIVE, *ROWS})}
"""All of ours, by name."""

VARIANTS = {"vertex-claude": ("vertex", "anthropic", "claude-sonnet-4-5")}
"""Providers that speak several wires: another name → the provider, the one it is like then, and a model."""

CHATS = [name for name, kind in PROVIDERS.items() if kind is not None and "chat" in kind.wires]
CHATTERS = [name for name in CHATS if has_speaker(PROVIDERS[name].wires["chat"])]
"""Those that chat. Both are the same, or a test says whose wire has no speaker."""
CHATTERS += VARIANTS


def kind_of(name: str) -> type[Provider]:
    """The class whose flags hold for a provider or a variant."""
    kind = PROVIDERS[VARIANTS[name][1] if name in VARIANTS else name]
    assert kind is not None
    return kind


def model_of(name: str) -> str:
    """A model id of a provider or a variant."""
    if name in VARIANTS:
        return f"{VARIANTS[name][0]}/{VARIANTS[name][2]}"
    return f"{name}/{setting_of(name).model or speaker_of(kind_of(name).wires['chat']).model}"


def setting_of(name: str) -> Setting:
    """What *name* needs."""
    return SETTINGS.get(VARIANTS[name][0] if name in VARIANTS else name, Setting())


def cells(
    table: Iterable[str] | Callable[[Speaker], Iterable[str]], names: list[str]
) -> pytest.MarkDecorator:
    """A test over *table* for each of *names*: a case each, or one for the whole table where the provider is
    a row of the catalog, data without code. Gives the test `name` and `given`, the cells to try.
    """
    rows = []
    for name in names:
        found = list(table(speaker_of(kind_of(name).wires["chat"])) if callable(table) else table)
        if kind_of(name).__module__ == ROW_MODULE:
            rows.append(pytest.param(name, found, id=f"{name}-all"))
        else:
            rows += [pytest.param(name, [cell], id=f"{name}-{cell}") for cell in found]
    return pytest.mark.parametrize(("name", "given"), rows, indirect=["name"])


class Contact:
    """One provider and one driver. `script` is that of the last question."""

    def __init__(self, name: str, driver: Driver) -> None:
        self.name, _, _ = name.partition("-")
        self.kind = kind_of(name)
        self.driver = driver
        self.speaker = speaker_of(self.kind.wires["chat"])
        self.model = model_of(name)
        self.bare_model = self.model.partition("/")[2]
        self.script = Scripted()

    def __repr__(self) -> str:
        return f"{self.name}-{self.driver}"

    def ask(self, *said: Said | Respond, face: Any = ChatCompletion, **params: Any) -> Any:
        """The answer (chunks: a list), or the exception that was raised, for these replies."""
        replies = [reply for one in said for reply in self.replies(one, params)]
        options = {"model": self.model, "api_key": KEY, "base_url": HOME, "retries": 0, **params}
        if face is ChatCompletion:
            options.setdefault("messages", HELLO)
        value, self.script = self.driver.scripted(face, *map(answer_of, replies), **options)
        return value

    def replies(self, said: Said | Respond, params: Mapping[str, Any]) -> list[Respond]:
        """What the provider's server says, given what it was asked for."""
        if isinstance(said, Respond):
            return [said]
        stream = bool(params.get("stream")) and self.kind.streaming_support
        usage = (params.get("stream_options") or {}).get("include_usage", False)
        return self.speaker.replies(said, stream=stream, usage=usage)

    @contextmanager
    def opened(self, *said: Said | Respond) -> Iterator[Any]:
        """A sync stream, not yet read."""
        self.script = Scripted(*(answer_of(r) for one in said for r in self.replies(one, {"stream": True})))
        with (
            using(self.script),
            ChatCompletion.create(
                self.model, HELLO, stream=True, api_key=KEY, base_url=HOME, retries=0
            ) as stream,
        ):
            yield stream

    @property
    def asked(self) -> Asked:
        """The request that went out, understood."""
        call = self.script.calls[0]
        return self.speaker.asked(urlsplit(call.url).path, json.loads(call.body))


def answer_of(reply: Respond) -> Answer:
    """A reply for the script."""
    chunks = None if reply.chunks is None else list(reply.chunks)
    return Answer(reply.status, json=reply.json, content=reply.body, chunks=chunks, headers=reply.headers)


def located(replies: list[Respond], url: str) -> list[Respond]:
    """*replies* with the URLs in them leading to *url*."""
    return [replace(r, json=json.loads(json.dumps(r.json).replace(HOME, url))) for r in replies]


def told(value: Any, param: str) -> bool:
    """Whether a change of *param* is on the answer."""
    return any(adaptation.param.startswith(param) for adaptation in value.muxi.adaptations)
