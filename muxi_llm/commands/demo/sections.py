"""What the demo shows, a function each: a real call, the attempts it takes, what comes of it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import openai

from muxi_llm import ChatCompletion, Embedding, FallbackExhaustedError, OpenAI

if TYPE_CHECKING:
    from muxi_llm.commands.demo.stage import Stage

WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
        },
    },
}


def ask(question: str) -> list[Any]:
    """A chat of one question."""
    return [{"role": "user", "content": question}]


def fallback_chain(stage: Stage) -> None:
    """A chain of three: the first is down, the second is busy, the third answers."""
    response = ChatCompletion.create(
        model=["openai/gpt-5.6-luna", "groq/openai/gpt-oss-20b", "anthropic/claude-sonnet-5"],
        messages=ask("Why is the sky blue?"),
    )
    stage.call(response.muxi.attempts, expect=["openai 503", "groq 429", "anthropic answered"])
    stage.say("answer", response.choices[0].message.content)


def retries(stage: Stage) -> None:
    """Retries on one model, after the pause it asks for (Retry-After: 1)."""
    response = ChatCompletion.create(
        model="groq/openai/gpt-oss-120b", messages=ask("Why is grass green?"), retries=2
    )
    stage.call(response.muxi.attempts, expect=["groq 429", "groq answered"])
    stage.check(response.muxi.attempts[1].waited == 1.0, "the pause is what Retry-After says")
    stage.say("answer", response.choices[0].message.content)


def stream(stage: Stage) -> None:
    """A stream that breaks before its first text, and falls back."""
    chunks = ChatCompletion.create(
        model="mistral/mistral-medium-latest",
        messages=ask("How does a rainbow form?"),
        stream=True,
        fallback_models=["anthropic/claude-haiku-4-5"],
    )
    stage.call(chunks.muxi.attempts, expect=["mistral IncompleteStreamError", "anthropic answered"])
    text = stage.stream("answer, as it comes", chunks)
    stage.check(text.endswith('"How does a rainbow form?".'), "the stream is whole")


def tool_call(stage: Stage) -> None:
    """A tool call and its result, with a model that thinks first."""
    messages = ask("What is the weather in Paris?")
    options: Any = {
        "model": "anthropic/claude-sonnet-5",
        "tools": [WEATHER_TOOL],
        "reasoning_effort": "low",
    }
    response = ChatCompletion.create(messages=messages, **options)
    stage.call(response.muxi.attempts, expect=["anthropic answered"])
    message = response.choices[0].message
    call = message.tool_calls[0]
    stage.say("thinking", message.reasoning_content)
    stage.say("tool call", f"{call.function.name}({call.function.arguments})")
    stage.check(json.loads(call.function.arguments) == {"city": "Paris", "unit": "celsius"}, "the arguments")

    # The message goes back as it is: Anthropic wants its signed thinking again.
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "18 °C and sunny"}]
    response = ChatCompletion.create(messages=messages, **options)
    stage.call(response.muxi.attempts, expect=["anthropic answered"])
    stage.say("answer", response.choices[0].message.content)
    stage.check("18 °C and sunny" in response.choices[0].message.content, "the result reached the model")


def json_mode(stage: Stage) -> None:
    """JSON mode on a provider that has none: adapted, and declared."""
    response = ChatCompletion.create(
        model="anthropic/claude-haiku-4-5",
        messages=ask("Which is the largest planet?"),
        response_format={"type": "json_object"},
    )
    stage.call(response.muxi.attempts, expect=["anthropic answered"])
    for adaptation in response.muxi.adaptations:
        stage.say("adapted", adaptation)
    adapted = {adaptation.param for adaptation in response.muxi.adaptations}
    stage.check("response_format" in adapted, "the adaptation is declared")
    stage.say("answer", json.loads(response.choices[0].message.content or ""))


def embedding(stage: Stage) -> None:
    """Embeddings: three texts, the first two say nearly the same."""
    texts = ["the cat sat on the mat", "a cat sat on a mat", "stocks fell sharply"]
    response = Embedding.create(model="mistral/mistral-embed", input=texts)
    stage.call(response.muxi.attempts, expect=["mistral answered"])
    first, second, third = (item.embedding for item in response.data)
    near, far = (sum(map(float.__mul__, first, other)) for other in (second, third))
    stage.say(
        "likeness", f"{near:.2f} between the first two, {far:.2f} to the third ({len(first)} numbers each)"
    )
    stage.check(near > far, "the vectors are in the order of the texts")


def drop_in_client(stage: Stage) -> None:
    """`from muxi_llm import OpenAI`: OpenAI's own client, other providers behind model=."""
    client = OpenAI()
    response = client.chat.completions.create(
        model="anthropic/claude-sonnet-5",
        messages=ask("Who wrote Faust?"),
        fallback_models=["google/gemini-3.5-flash-lite"],
    )
    stage.requests(expect=["anthropic 200"])
    stage.check(isinstance(response, openai.types.chat.ChatCompletion), "OpenAI's own type")
    stage.say("answer", response.choices[0].message.content)

    raw = client.chat.completions.with_raw_response.create(  # type: ignore[call-overload]
        model="gpt-5.6-luna",
        messages=ask("Who wrote Hamlet?"),
        fallback_models=["anthropic/claude-haiku-4-5"],
    )
    stage.requests(expect=["openai 503", "anthropic 200"])
    stage.say("answer", raw.parse().choices[0].message.content)
    stage.say("headers", ", ".join(f"{n}: {v}" for n, v in raw.headers.items() if n.startswith("x-muxi")))
    stage.check(raw.headers["x-muxi-attempts"] == "2", "the attempts are in the headers")


def async_calls(stage: Stage) -> None:
    """Async: three calls at once."""

    async def ask_all() -> list[Any]:
        models = (
            "anthropic/claude-haiku-4-5",
            "google/gemini-3.5-flash-lite",
            "mistral/mistral-small-latest",
        )
        calls = [ChatCompletion.acreate(model=model, messages=ask("What is the time?")) for model in models]
        return await asyncio.gather(*calls)

    started = time.monotonic()
    responses = asyncio.run(ask_all())
    took = time.monotonic() - started
    attempts = [response.muxi.attempts for response in responses]
    stage.call(*attempts, expect=["anthropic answered", "google answered", "mistral answered"])
    for response in responses:
        stage.say("answer", response.choices[0].message.content)
    alone = sum(response.muxi.latency for response in responses)
    stage.say("together", f"{took:.2f} s; one after the other they would take {alone:.2f} s")


def error(stage: Stage) -> None:
    """When everything fails, the error tells the whole story."""
    try:
        ChatCompletion.create(
            model=["openai/gpt-5.6-terra", "groq/qwen/qwen3.6-27b", "mistral/mistral-large-latest"],
            messages=ask("Is anybody there?"),
            stream=True,
        )
    except FallbackExhaustedError as failure:
        expect = ["openai 503", "groq 429", "mistral IncompleteStreamError"]
        stage.call(failure.attempts, expect=expect)
        stage.say("error", str(failure).replace("; ", ";\n          "))
        stage.say("caught by", "except openai.APIConnectionError (the last error's class)")
        stage.check(isinstance(failure, openai.APIConnectionError), "the class of the last error")
    else:
        stage.check(False, "everything fails")
