"""The loop of the decoders whose events become chat chunks; how it fares with bytes is told by theirs."""

from __future__ import annotations

import pytest

from muxi_llm.wire.event_decoder import ChunkDecoder, EventDecoder


def test_reading_is_the_subclass_part():
    with pytest.raises(NotImplementedError):
        EventDecoder().feed(b"data: {}\n\n")


def test_a_chunk_has_one_choice():
    decoder = ChunkDecoder(model="m", created=1)
    chunk = decoder.chunk({"content": "Hi"}, finish="stop", native_finish_reason="x")
    assert (chunk.model, chunk.created, len(chunk.choices)) == ("m", 1, 1)
    assert (chunk.choices[0].delta.content, chunk.choices[0].finish_reason) == ("Hi", "stop")
    assert chunk.choices[0]["native_finish_reason"] == "x"
