"""Judge texts before they go on.

Shows:      Moderation.create; a verdict for each text; a chain over two providers' own categories
Exercises:  muxi_llm/moderation.py, muxi_llm/wire/openai/moderations.py
Run:        python examples/moderation.py    (OPENAI_API_KEY, MISTRAL_API_KEY)
Offline:    python -m examples.offline examples/moderation.py
"""

from muxi_llm import Moderation

TEXTS = ["What a fine day.", "You are a fool."]

response = Moderation.create(
    model="openai/omni-moderation-latest",
    input=TEXTS,
    fallback_models=["mistral/mistral-moderation-latest"],
)
print("judged by", response.muxi.model)
for text, verdict in zip(TEXTS, response.results, strict=True):
    found = [name for name, is_so in verdict.categories if is_so]
    print(f"{'flagged' if verdict.flagged else 'harmless'}: {text}  {', '.join(found)}")

# None: this provider does not look for it. That is not the same as False.
print("illicit:", response.results[0].categories.illicit)
