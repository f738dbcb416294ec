"""Edits of images: as a form, and as JSON with the images inside."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from muxi_llm import InvalidRequestError, MuxiLLMError, UnsupportedParameterError
from muxi_llm.runtime import using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.wire.openai.images import InlineImageEdits
from muxi_llm.wire.values import ImagesResponse
from tests.conftest import Driver
from tests.support.audio import FACES, PNG, ask
from tests.support.speakers.base import sse

MADE = Answer(json={"created": 1, "data": [{"b64_json": "aW1hZ2U="}]})
SENT = (*PNG, "image/png")
URL = "data:image/png;base64,iVBORw0KGgo="


def test_a_form(driver: Driver) -> None:
    """One image, several, a mask."""
    value, script = ask(
        "image_edit", "openai/gpt-image-2", MADE, driver=driver, mask=PNG, n=2, size="1024x1024"
    )
    assert isinstance(value, ImagesResponse)
    assert value.data[0].b64_json == "aW1hZ2U="
    assert script.bodies == [
        {"model": "gpt-image-2", "image": SENT, "prompt": "red", "mask": SENT, "n": "2", "size": "1024x1024"}
    ]
    assert script.calls[0].url == "https://api.openai.com/v1/images/edits"
    _, script = ask(
        "image_edit", "azure/gpt-image-2", MADE, driver=driver, image=[PNG, PNG], base_url="http://a.test"
    )
    assert script.bodies[0]["image[]"] == [SENT, SENT]
    assert script.calls[0].url == "http://a.test/openai/v1/images/edits"


def test_a_stream(driver: Driver) -> None:
    event = {"type": "image_edit.completed", "b64_json": "aW1hZ2U="}
    events, script = ask(
        "image_edit", "openai/gpt-image-2", Answer(chunks=[sse(event)]), driver=driver, stream=True
    )
    assert [one.b64_json for one in events] == ["aW1hZ2U="]
    assert script.bodies[0]["stream"] == "true"


def test_json(driver: Driver, tmp_path: Path) -> None:
    """Where the images are inside; read off the event loop."""
    path = tmp_path / "dot.png"
    path.write_bytes(PNG[1])
    for image in (PNG, path, [path]):
        value, script = ask("image_edit", "xai/grok-imagine-image", MADE, driver=driver, image=image)
        assert value.data[0].b64_json == "aW1hZ2U="
        assert script.bodies == [
            {"model": "grok-imagine-image", "prompt": "red", "image": {"type": "image_url", "url": URL}}
        ]
    _, script = ask("image_edit", "xai/grok-imagine-image", MADE, driver=driver, image=[PNG, path])
    assert [one["url"] for one in script.bodies[0]["images"]] == [URL, URL]


def test_a_mask_is_not_left_out_in_silence() -> None:
    error, _ = ask("image_edit", "xai/grok-imagine-image", mask=PNG)
    assert isinstance(error, UnsupportedParameterError)
    assert error.param == "mask"


def test_too_large_for_json(tmp_path: Path) -> None:
    """Told by the argument, before it is read."""
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(InlineImageEdits.inlines + 1)
    for image in (path, [path]):
        error, script = ask("image_edit", "xai/grok-imagine-image", image=image)
        assert isinstance(error, InvalidRequestError)
        assert str(error) == "xai takes files up to 20,000,000 bytes; image has 20,000,001"
        assert (error.param, script.calls) == ("image", [])
    error, _ = ask(
        "image_edit", "xai/grok-imagine-image", image=("a.png", bytes(InlineImageEdits.inlines + 1))
    )
    assert "image has 20,000,001" in str(error)


def test_a_file_closed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two attempts."""
    monkeypatch.setenv("XAI_API_KEY", "sk-2")
    file = io.BytesIO(PNG[1])

    def close(*_: Any) -> None:
        file.close()

    error, script = ask(
        "image_edit",
        "openai/gpt-image-2",
        Answer(status=503),
        image=file,
        fallback_models=["xai/grok-imagine-image"],
        fallback_config={"fallback_callback": close},
    )
    assert "image cannot be read any more" in str(error)
    assert len(script.calls) == 1


def test_a_file_that_is_gone_ends_the_call(tmp_path: Path, driver: Driver) -> None:
    """Its retry says so, by the argument; the file's place is not told."""
    path = tmp_path / "secret-name.png"
    path.write_bytes(PNG[1])

    class Vanishing(Scripted):
        """Deletes the file when it has answered, and reads it before."""

        async def send(self, call: Any) -> Any:
            try:
                return await super().send(call)
            finally:
                path.unlink(missing_ok=True)

    script = Vanishing(Answer(status=503), Answer(status=503))
    with using(script), pytest.raises(MuxiLLMError) as caught:
        driver.create(
            FACES["image_edit"][0],
            model="openai/gpt-image-2",
            image=path,
            prompt="red",
            api_key="k",
            retries=2,
        )
    assert [attempt.status for attempt in caught.value.attempts] == [503, 400]
    last = caught.value.attempts[-1].error
    assert isinstance(last, InvalidRequestError)
    assert (last.param, "secret-name" in str(last)) == ("image", False)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"image": None}, "image"),
        ({"image": []}, "image"),
        ({"image": [5]}, "image[0]"),
        ({"mask": "/no/such"}, "mask"),
        ({"prompt": ""}, "prompt"),
    ],
)
def test_what_is_wrong_for_everybody(given: Any, param: str) -> None:
    error, script = ask("image_edit", "openai/gpt-image-2", **given)
    assert isinstance(error, InvalidRequestError)
    assert (error.param, script.calls) == (param, [])
