"""Forms of clients."""

from __future__ import annotations

from muxi_llm.gateway.forms import form_of
from tests.wire.test_form import TYPE, WAVE, form, part

FORM = form(
    part("model", b"alias"),
    part("file", WAVE, '; filename="a.wav"'),
    part("image[]", WAVE, '; filename="b.png"'),
    part("prompt", b"alias"),
)


def test_files_are_in_memory() -> None:
    said = form_of(FORM, TYPE)
    assert said == {
        "model": "alias",
        "file": ("a.wav", WAVE),
        "image": [("b.png", WAVE)],
        "prompt": "alias",
    }
