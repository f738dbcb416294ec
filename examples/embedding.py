"""Find the text that means most nearly the same.

Shows:      Embedding.create; one call for many texts, vectors in their order
Exercises:  muxi_llm/embedding.py, muxi_llm/wire/openai/embeddings.py
Run:        python examples/embedding.py    (OPENAI_API_KEY)
Offline:    python -m examples.offline examples/embedding.py
"""

from muxi_llm import Embedding

TEXTS = [
    "The quick brown fox jumps over the lazy dog",
    "A recipe for bread with olives",
    "Stock markets fell sharply on Monday",
]
QUESTION = "What happened to the stock markets on Monday?"

response = Embedding.create(model="openai/text-embedding-3-small", input=[QUESTION, *TEXTS])
question, *texts = (item.embedding for item in response.data)


def likeness(text: list[float]) -> float:
    """Cosine similarity; the vectors have length 1 already."""
    return sum(a * b for a, b in zip(question, text, strict=True))


for text, vector in zip(TEXTS, texts, strict=True):
    print(f"{likeness(vector):.2f}  {text}")
print("best:", max(zip(TEXTS, texts, strict=True), key=lambda pair: likeness(pair[1]))[0])
