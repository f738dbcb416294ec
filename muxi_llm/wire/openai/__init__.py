"""OpenAI's wire, the pivot: `chat` both ways, then `completions` and `embeddings`."""
