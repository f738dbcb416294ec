"""Gemini: `generate_content`, then `request` with `parts`, `tools` and `thinking`, `reply`, `stream`;
`embeddings`; `vertex` is the same and everybody else's models in Vertex AI's place.
"""

from muxi_llm.wire.gemini.generate_content import GenerateContent as GenerateContent
