"""Keep the code you have, change its import.

Shows:      the openai package's own client with other providers behind model=; parse; fallback_models
Exercises:  muxi_llm/clients/openai.py, muxi_llm/inbound.py
Run:        python examples/drop_in_client.py    (OPENAI_API_KEY, ANTHROPIC_API_KEY)
Offline:    python -m examples.offline examples/drop_in_client.py
"""

import openai
from pydantic import BaseModel

from muxi_llm import OpenAI  # before: from openai import OpenAI

client = OpenAI()
print("it is OpenAI's own client:", isinstance(client, openai.OpenAI))

# Another provider, and one to fall back on.
response = client.chat.completions.create(
    model="anthropic/claude-sonnet-5",
    messages=[{"role": "user", "content": "Who wrote Faust?"}],
    fallback_models=["groq/openai/gpt-oss-120b"],
)
print(response.choices[0].message.content)


# What the original can do works for all of them: `parse`, `stream`, `with_raw_response`, ...
class Book(BaseModel):
    title: str
    year: int


parsed = client.chat.completions.parse(
    model="anthropic/claude-sonnet-5",
    messages=[{"role": "user", "content": "The best known book of Mary Shelley"}],
    response_format=Book,
)
print(repr(parsed.choices[0].message.parsed))

# A name without a prefix is OpenAI's. The headers tell who answered in the end.
raw = client.chat.completions.with_raw_response.create(
    model="gpt-5.6-luna",
    messages=[{"role": "user", "content": "Who wrote Hamlet?"}],
    fallback_models=["anthropic/claude-haiku-4-5"],
)
print(raw.parse().choices[0].message.content)
print("answered by", raw.headers["x-muxi-model"], "after", raw.headers["x-muxi-attempts"], "attempts")
