"""Ask what a call cost.

Shows:      the cost of an answer and its parts; of a stream, once it has ended; prices of one's own
Exercises:  muxi_llm/prices/quotes.py, muxi_llm/prices/calls.py, muxi_llm/types/prices.py
Run:        python examples/cost.py    (OPENAI_API_KEY, ANTHROPIC_API_KEY)
Offline:    python -m examples.offline examples/cost.py
"""

from muxi_llm import ChatCompletion, config, prices

MESSAGES = [{"role": "user", "content": "What does a question cost?"}]

# USD, a Decimal, reckoned when it is read: all attempts that were billed together.
response = ChatCompletion.create(model="openai/gpt-5.6-luna", messages=MESSAGES)
print(f"${response.muxi.cost:.6f}, by {response.muxi.cost.prices}")
for part in response.muxi.cost.parts:
    print(f"  {part.quantity} {part.kind}: ${part.usd:f}")

# A stream's is known when it has ended; until then there is a reason instead.
stream = ChatCompletion.create(model="anthropic/claude-sonnet-5", messages=MESSAGES, stream=True)
print(stream.muxi.cost, "because", stream.muxi.cost_reason)
for _ in stream:
    pass
print(f"${stream.muxi.cost:.6f}")

# Where you pay another price, say so: here, or in a .toml or .json file.
config.prices = {"openai/gpt-5.6-luna": {"input": 0.1, "output": 0.4}, "vllm/*": {"request": 0.001}}
print(f"${response.muxi.cost:.6f}, by {response.muxi.cost.prices}")

# The same for counts of your own, before anything is sent. What nobody knows is None, never 0.
print(prices.cost_of("openai/gpt-5.6-luna", {"input": 100_000, "output": 2_000}))
print(prices.cost_of("openai/whisper-1", {"seconds": 90}))
print(prices.quote("cohere/rerank-v3.5", {"searches": 1}).reason)
