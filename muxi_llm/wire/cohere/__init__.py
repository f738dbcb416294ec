"""Cohere v2: `chat`, then `request`, `reply`, `stream`; `embed`."""
