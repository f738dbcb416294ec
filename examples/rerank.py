"""Put what was found into the order of how well it answers.

Shows:      Rerank.create; places of documents and scores, the best first; what was ranked beside them
Exercises:  muxi_llm/rerank.py, muxi_llm/wire/rerank.py
Run:        python examples/rerank.py    (COHERE_API_KEY)
Offline:    python -m examples.offline examples/rerank.py
"""

import warnings

from muxi_llm import AdaptationWarning, Rerank

QUESTION = "What happened to the stock markets on Monday?"
FOUND = [
    "The quick brown fox jumps over the lazy dog",
    "Stock markets fell sharply on Monday",
    {"text": "A recipe for bread, from Monday", "source": "yesterday's paper"},
]

warnings.simplefilter("ignore", AdaptationWarning)  # shown below
response = Rerank.create(
    model="cohere/rerank-v3.5", query=QUESTION, documents=FOUND, top_n=2, return_documents=True
)
for result in response.results:
    print(f"{result.relevance_score:.2f}  document {result.index}: {result.document}")
for adaptation in response.muxi.adaptations:
    print("adapted:", adaptation)
print("best:", FOUND[response.results[0].index])
