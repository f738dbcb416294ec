"""llama.cpp: its server, or a model file run in this process (extra `muxi-llm[llama_cpp]`).

`llama_cpp/any-name` goes to the server. `llama_cpp/models/tiny.gguf`, `llama_cpp//absolute/tiny.gguf` and, of
the folder `LLAMA_CPP_MODEL_DIR`, `llama_cpp/tiny.gguf` are run here, unless a base URL is given: a server's
models may have such names too. What runs them is `transport.llama_cpp`; here they are URLs of a scheme.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from muxi_llm.errors import InvalidRequestError
from muxi_llm.models import Completion
from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.utils.streaming import collect, merge
from muxi_llm.wire.base import Reply, WireError, build_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Endpoint, Json, Ledger, Wire, WireCall


class LlamaCppProvider(OpenAICompatible):
    """https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md."""

    name = "llama_cpp"
    base_url = "http://127.0.0.1:8080/v1"
    key_required = False
    vision_support = True
    audio_input_support = True
    json_schema_support = True
    tier = "verified"
    renames = {"max_completion_tokens": "max_tokens"}
    reasoning_replay_support = True
    prefill_support = True
    top_k_support = True
    one_system = True
    more_wires = {"rerank": "rerank:JinaRerank"}
    settings_env = {"model_dir": ("LLAMA_CPP_MODEL_DIR",)}

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:
        wire = super().wire_for(endpoint, model, ledger)
        if endpoint == "rerank" and self._is_local(wire):
            where = "a llama.cpp server (--reranking); pass base_url=, or a model's name without .gguf"
            raise InvalidRequestError(f"llama_cpp: rerank needs {where}", param="base_url")
        return wire

    def url_of(self, wire: Wire, *, stream: bool) -> str:
        if not self._is_local(wire):
            return super().url_of(wire, stream=stream)
        return f"llama-cpp://{wire.path}?{urlencode({'model': wire.model, **self.settings})}"

    def prepare(
        self, wire: Wire, body: Mapping[str, Any], *, stream: bool, extra: Mapping[str, Any]
    ) -> WireCall:
        if stream or wire.endpoint == "embedding" or not self._is_local(wire):
            return super().prepare(wire, body, stream=stream, extra=extra)
        # Only a stream can be stopped on its way: by a timeout, a cancelled task, Ctrl-C.
        body = {**body, "stream_options": {"include_usage": True}}
        call = super().prepare(wire, body, stream=True, extra=extra)
        call.stream = False
        return call

    def read(self, wire: Wire, reply: Reply) -> Any:
        if not reply.headers.get("content-type", "").startswith("text/event-stream"):
            return super().read(wire, reply)
        decoder = wire.stream_decoder(created=int(reply.received))
        chunks = [*decoder.feed(reply.content), *decoder.finish()]
        last = chunks[-1] if chunks else WireError("incomplete", "the answer is empty")
        if isinstance(last, WireError):
            raise last
        return _completion(chunks) if wire.endpoint == "completion" else collect(chunks)

    def _is_local(self, wire: Wire) -> bool:
        return wire.model.endswith(".gguf") and self.base_url == type(self).base_url


def _completion(chunks: list[Completion]) -> Completion:
    """The text completion that a stream's chunks amount to."""
    whole: Json = {}
    for chunk in chunks:
        told = chunk.model_dump(exclude_unset=True, warnings=False)
        merge(whole, {"choices": told.pop("choices")})
        whole.update(told)
    whole["choices"].sort(key=lambda choice: choice["index"])
    return build_value(Completion, whole)
