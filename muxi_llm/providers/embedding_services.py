"""Services that embed texts and rank them, and do nothing else (of what this library does)."""

from __future__ import annotations

from muxi_llm.providers.base import Provider
from muxi_llm.wire.text_embeddings import JinaEmbeddings, NomicEmbed, TextEmbeddings

NO_USER = {"user": "this service has no such parameter"}


class VoyageProvider(Provider):
    """https://docs.voyageai.com/reference/embeddings-api. `input_type`, `output_dtype`, `truncation` go by
    `extra_body`.
    """

    name = "voyage"
    base_url = "https://api.voyageai.com/v1"
    key_env = ("VOYAGE_API_KEY", "VOYAGEAI_API_KEY")
    wires = {"embedding": TextEmbeddings}
    more_wires = {"rerank": "rerank:VoyageRerank"}
    renames = {"dimensions": "output_dimension"}
    drops = NO_USER


class JinaProvider(Provider):
    """https://api.jina.ai/redoc. `task`, `late_chunking`, `truncate` go by `extra_body`."""

    name = "jina"
    base_url = "https://api.jina.ai/v1"
    wires = {"embedding": JinaEmbeddings}
    more_wires = {"rerank": "rerank:SeeingRerank"}
    drops = NO_USER


class MixedbreadProvider(Provider):
    """https://www.mixedbread.com/api-reference. `prompt`, `normalized` go by `extra_body`."""

    name = "mixedbread"
    base_url = "https://api.mixedbread.com/v1"
    key_env = ("MIXEDBREAD_API_KEY", "MXBAI_API_KEY")
    wires = {"embedding": TextEmbeddings}
    drops = NO_USER


class NomicProvider(Provider):
    """https://docs.nomic.ai/reference/api/embed-text-v-1-embedding-text-post."""

    name = "nomic"
    base_url = "https://api-atlas.nomic.ai/v1"
    wires = {"embedding": NomicEmbed}
    drops = NO_USER
