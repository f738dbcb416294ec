"""Continue a text.

Shows:      Completion.create; what happens where a provider only chats
Exercises:  muxi_llm/completion.py, muxi_llm/wire/openai/completions.py
Run:        python examples/completion.py    (Ollama on this machine, GROQ_API_KEY)
Offline:    python -m examples.offline examples/completion.py
"""

import warnings

from muxi_llm import AdaptationWarning, Completion

PROMPT = "Once upon a time"

response = Completion.create(model="ollama/llama3.2", prompt=PROMPT, max_tokens=100)
print(response.choices[0].text)

# Groq has no completions endpoint: the prompt is sent as a chat message, and the response says so.
warnings.simplefilter("ignore", AdaptationWarning)
response = Completion.create(model="groq/openai/gpt-oss-120b", prompt=PROMPT, max_tokens=100)
print(response.choices[0].text)
print("adapted:", response.muxi.adaptations[0])
