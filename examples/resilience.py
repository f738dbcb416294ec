"""What may stand around every call: a cache, a circuit breaker, equal calls made one.

Shows:      harness.configure; where an answer came from; an open breaker; being told what happens
Exercises:  muxi_llm/harness/__init__.py, muxi_llm/harness/pipeline.py, muxi_llm/harness/events.py
Run:        python examples/resilience.py    (OPENAI_API_KEY, GROQ_API_KEY)
Offline:    python -m examples.offline examples/resilience.py
"""

import asyncio

from muxi_llm import ChatCompletion, harness
from muxi_llm.harness.events import HarnessEvent

MESSAGES = [{"role": "user", "content": "What is the capital of Peru?"}]


class Listener:
    """Told what happens, without prompts and keys; `muxi_llm.harness.otel` is one for OpenTelemetry."""

    def record(self, event: HarnessEvent) -> None:
        if event.kind == "breaker":
            print(f"the breaker of {event.provider} is {event.facts['state']}")


harness.configure(
    cache="memory",  # or redis, redis-or-memory
    singleflight=True,
    breaker=2,  # failures in a row
    concurrency=32,  # attempts at once with a provider, until it says 429
    telemetry=[Listener()],
)


async def several() -> None:
    """Equal calls at the same time cost one."""
    calls = [ChatCompletion.acreate(model="openai/gpt-5.6-luna", messages=MESSAGES) for _ in range(3)]
    answers = await asyncio.gather(*calls)
    ids = {answer.id for answer in answers}
    print(f"{len(answers)} answers of {len(ids)} call: {answers[0].choices[0].message.content}")


asyncio.run(several())
again = ChatCompletion.create(model="openai/gpt-5.6-luna", messages=MESSAGES)
print(f"the same again came from the cache's tier {again.muxi.cache_hit}")

# Somebody is down: after two failed calls nothing is sent there for a while, the fallback is asked at once.
for city in ("Lima", "Quito", "La Paz"):
    response = ChatCompletion.create(
        model="groq/openai/gpt-oss-120b",
        messages=[{"role": "user", "content": f"Describe {city} in a sentence"}],
        fallback_models=["openai/gpt-5.6-luna"],
    )
    print(f"{city}: {response.muxi.attempts[0].reason}, then {response.muxi.model}")
