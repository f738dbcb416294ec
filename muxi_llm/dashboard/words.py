"""English and Chinese. English is what stands in templates and code; a table has the Chinese of it."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

LANGUAGES = {"en": "English", "zh": "中文"}
COOKIE = "muxi-language"


def language_of(request: Request) -> str:
    """The one that was chosen, else the first one the browser asks for that there is."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for wanted in request.headers.get("accept-language", "").split(","):
        tag = wanted.partition(";")[0].strip().lower()[:2]
        if tag in LANGUAGES:
            return tag
    return "en"


@cache
def table(language: str) -> Mapping[str, str]:
    """English → *language*; nothing for English."""
    if language == "en":
        return {}
    text = files("muxi_llm.dashboard").joinpath(f"texts/{language}.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def said(language: str, text: str, **values: object) -> str:
    """*text* in *language*, with `{values}` put in."""
    told = table(language).get(text, text)
    return told.format(**values) if values else told
