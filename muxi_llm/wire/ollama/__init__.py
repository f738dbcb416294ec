"""Ollama's own API: `chat`, then `request`; `embed`."""

from muxi_llm.wire.ollama.chat import OllamaChat as OllamaChat
from muxi_llm.wire.ollama.chat import OllamaGenerate as OllamaGenerate
