"""Run a model file in this process: no server, no network.

Shows:      llama_cpp/ with a path to a GGUF file; streaming, JSON of a schema, a file as a fallback
Exercises:  muxi_llm/providers/llama_cpp.py, muxi_llm/transport/llama_cpp.py
Run:        python examples/local_model.py    (pip install "muxi-llm[llama_cpp]"; MODEL=path/to/a/model.gguf)
Offline:    python -m examples.offline examples/local_model.py
"""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel

from muxi_llm import ChatCompletion


class Greeting(BaseModel):
    """What the model is held to, by a grammar."""

    text: str
    loud: bool


def tiny_model() -> str:
    """A model made on the spot, which always says the same."""
    from examples.demo.tiny_model import write_tiny_model

    path = Path(tempfile.gettempdir(), "muxi-llm-tiny.gguf")
    write_tiny_model(path)
    return str(path)


def main(model: str) -> None:
    """Whole, streamed, held to a schema, and behind a provider that fails."""
    messages = [{"role": "user", "content": "Say hello"}]
    response = ChatCompletion.create(model=model, messages=messages)
    print(f"{response.model}: {response.choices[0].message.content}")

    for chunk in ChatCompletion.create(model=model, messages=messages, stream=True):
        print(chunk.choices[0].delta.content or "", end="|")

    response = ChatCompletion.create(
        model=model, messages=messages, response_format=Greeting, temperature=0, max_tokens=200
    )
    print("\nof a schema:", type(response.choices[0].message.parsed).__name__)

    chain = ["openai/gpt-5.6-luna", model]
    response = ChatCompletion.create(model=chain, messages=messages)
    print("fallback:", [attempt.reason for attempt in response.muxi.attempts])


if find_spec("xllamacpp") and (os.environ.get("MODEL") or find_spec("gguf")):
    main("llama_cpp/" + (os.environ.get("MODEL") or tiny_model()))
else:
    print('skipped: pip install "muxi-llm[llama_cpp]" (and gguf, for a model made on the spot)')
