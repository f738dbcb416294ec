"""A reranker for llama.cpp that prefers documents with many `x`, and its server: what it says is known beforehand.

A Qwen3 of one layer: its attention looks at all tokens alike (queries and keys are zero), its values count the
`x` among them, and the classification head reads that count at the last token.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

HEAD = 32
SPECIAL = ("<unk>", "<s>", "</s>")
WIDTH = 288
LIKED = len(SPECIAL) + ord("x")
COUNT = 0
"""The dimension that holds the count: that of a token which no text has."""


def write_tiny_reranker(path: Path) -> None:
    """Write the model to *path*, half a megabyte."""
    tokens = [*SPECIAL, *(f"<0x{value:02X}>" for value in range(256))]
    kinds = [
        gguf.TokenType.UNKNOWN,
        gguf.TokenType.CONTROL,
        gguf.TokenType.CONTROL,
        *[gguf.TokenType.BYTE] * 256,
    ]
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name("tiny-reranker")
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HEAD)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(HEAD)
    writer.add_classifier_output_labels(["yes", "no"])
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_sep_token_id(2)
    writer.add_add_space_prefix(False)
    for name, tensor in _tensors(len(tokens)).items():
        writer.add_tensor(f"{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(many: int) -> dict[str, np.ndarray]:
    def zeros(rows: int, columns: int) -> np.ndarray:
        return np.zeros((rows, columns), np.float32)

    ones = np.ones(WIDTH, np.float32)
    value, output, verdict = zeros(HEAD, WIDTH), zeros(WIDTH, HEAD), zeros(2, WIDTH)
    value[0, LIKED] = output[COUNT, 0] = 1.0
    verdict[0, COUNT] = 0.1
    return {
        "token_embd": np.eye(many, WIDTH, dtype=np.float32),
        "output_norm": ones,
        "cls.output": verdict,
        "blk.0.attn_norm": ones,
        "blk.0.attn_q": zeros(HEAD, WIDTH),
        "blk.0.attn_k": zeros(HEAD, WIDTH),
        "blk.0.attn_q_norm": np.ones(HEAD, np.float32),
        "blk.0.attn_k_norm": np.ones(HEAD, np.float32),
        "blk.0.attn_v": value,
        "blk.0.attn_output": output,
        "blk.0.ffn_norm": ones,
        "blk.0.ffn_gate": zeros(HEAD, WIDTH),
        "blk.0.ffn_up": zeros(HEAD, WIDTH),
        "blk.0.ffn_down": zeros(WIDTH, HEAD),
    }
