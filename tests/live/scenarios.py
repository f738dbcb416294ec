"""What every provider is asked: one function for each thing it may be able to do, tied to no provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
from pydantic import BaseModel

from muxi_llm import ChatCompletion, Embedding, runtime
from muxi_llm.providers import registry
from muxi_llm.providers.base import Provider

Ask = Callable[..., Any]
"""`ask(face, **params)`: the answer, a stream as the list of its chunks."""


@dataclass(frozen=True)
class Subject:
    """Who is asked. chat, embedding: the names of its models, where it has such endpoints."""

    provider: str
    chat: str | None = None
    embedding: str | None = None

    @property
    def kind(self) -> type[Provider]:
        kind = registry.find(self.provider)
        assert kind is not None, f"there is no provider {self.provider!r}"
        return kind

    def model(self, endpoint: str = "chat") -> str:
        return f"{self.provider}/{getattr(self, endpoint)}"


class Models:
    """The list of models, with the verbs of a face."""

    @staticmethod
    def create(model: str) -> Any:
        return runtime.prepare_models(model).run()

    @staticmethod
    async def acreate(model: str) -> Any:
        return await runtime.prepare_models(model).arun()


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def models(ask: Ask, subject: Subject) -> None:
    assert all(model.id for model in ask(Models, model=subject.provider).data)


def chat(ask: Ask, subject: Subject) -> None:
    answer = ask(ChatCompletion, model=subject.model(), messages=user("Say hello in one short sentence."))
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.completion_tokens > 0


def stream(ask: Ask, subject: Subject) -> None:
    chunks = ask(
        ChatCompletion,
        model=subject.model(),
        messages=user("Count from one to five."),
        stream=True,
        stream_options={"include_usage": True},
    )
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in said)
    assert [choice.finish_reason for choice in said if choice.finish_reason] == ["stop"]
    assert chunks[-1].usage.completion_tokens > 0


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def tools(ask: Ask, subject: Subject) -> None:
    messages = user("What is the weather in Paris? Use the tool.")
    asked = {"model": subject.model(), "tools": [WEATHER]}
    answer = ask(ChatCompletion, messages=messages, **asked)
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls[0].function.name == "get_weather"
    assert set(json.loads(message.tool_calls[0].function.arguments)) == {"city"}
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "18 degrees, sunny"}
    answer = ask(ChatCompletion, messages=[*messages, message, result], **asked)
    assert answer.choices[0].message.content


class City(BaseModel):
    name: str


def structured(ask: Ask, subject: Subject) -> None:
    messages = user("What is the capital of France?")
    answer = ask(ChatCompletion, model=subject.model(), messages=messages, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


RED = (
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgU"
    "AgEAgEgi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC"
)
"""A red square of 32 pixels, a PNG."""


def image(ask: Ask, subject: Subject) -> None:
    parts = [
        {"type": "text", "text": "Which colour is this? One word."},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{RED}"}},
    ]
    answer = ask(ChatCompletion, model=subject.model(), messages=user(parts))
    assert answer.choices[0].message.content


def embedding(ask: Ask, subject: Subject) -> None:
    answer = ask(Embedding, model=subject.model("embedding"), input=["a cat", "a dog"])
    first, second = (each.embedding for each in answer.data)
    assert len(first) == len(second) > 0
    assert all(isinstance(number, float) for number in first)


def wrong_key(ask: Ask, subject: Subject) -> None:
    """Refused, by whatever status stands for that there."""
    assert _refused(ask, subject.model(), api_key="wrong-key") in {400, 401, 403}


def unknown_model(ask: Ask, subject: Subject) -> None:
    assert _refused(ask, f"{subject.provider}/no-such-model") in {400, 401, 403, 404, 422}


def _refused(ask: Ask, model: str, **params: Any) -> int | None:
    try:
        ask(ChatCompletion, model=model, messages=user("Hello"), **params)
    except openai.APIStatusError as error:
        return error.status_code
    return None


# ------------------------------------------------------------------------------------------ tables

SCENARIOS: dict[str, tuple[Callable[[Ask, Subject], None], Callable[[Subject], bool]]] = {
    "models": (models, lambda of: "models" in of.kind.wires),
    "chat": (chat, lambda of: bool(of.chat)),
    "stream": (stream, lambda of: bool(of.chat) and of.kind.streaming_support),
    "tools": (tools, lambda of: bool(of.chat) and of.kind.tools_support),
    "structured": (structured, lambda of: bool(of.chat)),
    "image": (image, lambda of: bool(of.chat) and of.kind.vision_support),
    "embedding": (embedding, lambda of: bool(of.embedding)),
    "wrong_key": (wrong_key, lambda of: bool(of.chat) and of.kind.key_required),
    "unknown_model": (unknown_model, lambda of: bool(of.chat) and of.kind.key_required),
}
"""By name: what is asked, and of whom."""

MODELS = {
    "anthropic": ("claude-haiku-4-5", None),
    "cohere": ("command-a-03-2025", "embed-v4.0"),
    "deepseek": ("deepseek-chat", None),
    "google": ("gemini-3.5-flash-lite", "gemini-embedding-001"),
    "groq": ("openai/gpt-oss-120b", None),
    "mistral": ("mistral-small-latest", "mistral-embed"),
    "openai": ("gpt-5.6-luna", "text-embedding-3-small"),
}
"""Who is asked to chat and to embed where nobody says, and there is no earlier recording."""
