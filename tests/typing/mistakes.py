"""Mistakes that a type checker must tell, each on a line marked `# told`. Checked by mypy and pyright, never run."""

from __future__ import annotations

import muxi_llm
from muxi_llm import Anthropic, AsyncOpenAI, ChatCompletion, OpenAI

client = OpenAI()
other = Anthropic()
MESSAGES = [{"role": "user", "content": "Hello"}]

OpenAI(api_kei="k")  # told
AsyncOpenAI(base_ulr="http://localhost")  # told
Anthropic(api_kei="k")  # told
print(muxi_llm.ChatCompletoin)  # told
muxi_llm.opnai_api_key = "k"  # told
muxi_llm.config.timout = 3.0  # told
ChatCompletion.create("openai/m", MESSAGES, fallback_model=["groq/m"])  # told
ChatCompletion.create("openai/m", MESSAGES, temperature="hot")  # told
client.chat.completions.create(model="m", messages=[], fallback_model=["groq/m"])  # told
client.chat.completions.create(model="m", messages=[], temperature="hot")  # told
client.chat.completions.create(model="m")  # told
client.chat.completions.create(model="m", messages=[{"role": "usr"}])  # told
client.responses.create(model="m", input="x", retrys=1)  # told
other.messages.create(model="m", max_tokens=9, messages=[], retrys=1)  # told
print(ChatCompletion.create("openai/m", MESSAGES).choices[0].mesage)  # told
print(ChatCompletion.create("openai/m", MESSAGES).muxi.modle)  # told
client.files.create(file=b"", purpose="batch", provder="groq")  # told
client.images.edit(image=b"", prompt="x", retrys=1)  # told
