"""Where a request would go, and why nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit


async def show(visit: Visit) -> Response:
    """The form, with a request to begin with."""
    models = (await visit.get("/control/models"))["data"]
    example = {
        "model": models[0]["id"] if models else "",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    return visit.page("explain.html", given=json.dumps(example, indent=2), told=None, error=None)


async def ask(visit: Visit) -> Response:
    """What becomes of the one that was pasted."""
    given = (await visit.form()).get("request", "")
    try:
        told = (await visit.relayed("POST", "/control/explain", _object(given))).json()
    except RefusedError as error:
        if error.status != 400:
            raise
        wrong = RefusedError(400, error.message, "request")  # a field of it has no field of the form
        return visit.page("explain.html", 400, given=given, told=None, error=wrong)
    return visit.page("explain.html", given=given, told=told, error=None)


def _object(text: str) -> dict[str, Any]:
    """What *text* says. Raises `RefusedError`."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"that is no JSON: {error.msg}, in line {error.lineno}"
        raise RefusedError(400, message, "request") from error
    if not isinstance(found, dict):
        raise RefusedError(400, "a request is a JSON object", "request")
    return found


PAGES = (Page("/explain", "Explain", show, "control/explain", "Try", {"ask": ask}),)
