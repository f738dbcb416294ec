"""Show a model an image.

Shows:      image_url parts, by URL and as base64 data, in OpenAI's form for every provider that sees
Exercises:  muxi_llm/core/request.py, muxi_llm/wire/anthropic/request.py
Run:        python examples/vision.py    (OPENAI_API_KEY, ANTHROPIC_API_KEY)
Offline:    python -m examples.offline examples/vision.py
"""

import base64
import struct
import zlib

from muxi_llm import ChatCompletion

URL = "https://upload.wikimedia.org/wikipedia/commons/4/47/PNG_transparency_demonstration_1.png"


def red_square(side: int = 64) -> bytes:
    """A PNG. Your own would come from `Path("photo.png").read_bytes()`."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0))
    rows = (b"\0" + b"\xff\0\0" * side) * side
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def describe(model: str, url: str) -> str:
    """What *model* sees."""
    content = [
        {"type": "text", "text": "What is in this image?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    response = ChatCompletion.create(model=model, messages=[{"role": "user", "content": content}])
    return response.choices[0].message.content


data_url = "data:image/png;base64," + base64.b64encode(red_square()).decode()
for model in ("openai/gpt-5.6-luna", "anthropic/claude-sonnet-5"):
    print("by URL: ", describe(model, URL))
    print("as data:", describe(model, data_url))
