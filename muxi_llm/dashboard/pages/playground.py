"""Any model, asked through the gateway like any client asks: what it answers, and what became of the request.

A script asks for a stream and shows it as it comes (`static/playground.js`); without one the answer comes
whole. Whoever looks asks with a key of theirs: one they paste, or one made for them that is good for an hour.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from muxi_llm.dashboard import pasted
from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp

    from muxi_llm.dashboard.visits import Visit

PATH = "/v1/chat/completions"
NAME = "playground"
"""What a key is called that is made here."""

TOLD = {
    "x-muxi-model": "Answered by",
    "x-muxi-attempts": "Attempts",
    "x-muxi-cost": "Cost, USD",
    "x-muxi-latency-ms": "Milliseconds",
    "x-muxi-preset": "Preset",
    "x-muxi-cache": "From the cache",
    "x-muxi-adaptations": "Adapted",
}
"""Headers that say what the call was like."""

FIELDS = ("model", "system", "message", "key")


async def show(visit: Visit) -> Response:
    """The form."""
    return await _page(visit, {name: visit.query.get(name, "") for name in ("model", "system", "message")})


async def ask(visit: Visit) -> Response | ASGIApp:
    """The answer: a stream for who takes one, else a page with all of it."""
    fields = await visit.form()
    body, key = request_of(fields), fields.get("key", "").strip()
    is_stream = "text/event-stream" in visit.request.headers.get("accept", "")
    if not (key and key.isascii() and key.isprintable()):
        wrong = RefusedError(400, visit.say("Paste a key of yours, or have one made."), "key")
        told = {"error": {"message": wrong.message, "param": "key"}}
        return JSONResponse(told, 400) if is_stream else await _page(visit, fields, error=wrong)
    if is_stream:
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        return visit.models.piecewise(PATH, key, json.dumps(streamed).encode())
    try:
        answer = await visit.models.whole(PATH, key, body)
    except RefusedError as error:
        return await _page(visit, fields, error=error.of("key"))
    return await _page(visit, fields, headers=answer.headers, answer=answer.json())


async def make_key(visit: Visit) -> Response:
    """A key for an hour, in the place of the one before."""
    fields = await visit.form()
    user = visit.viewer.get("user_id") or ""
    try:
        if user:
            known = (await visit.get("/key/list", user_id=user, search=NAME))["data"]
            if mine := [one["token_id"] for one in known if one["key_name"] == NAME]:
                await visit.post("/key/delete", keys=mine)
        owned = {"user_id": user} if user else {}
        made = await visit.post("/key/generate", key_name=NAME, key_type="llm_api", duration="1h", **owned)
    except RefusedError as error:
        return await _page(visit, fields, error=error)
    return await _page(visit, {**fields, "key": made["key"]})


async def code(visit: Visit) -> Response:
    """The request as code, as the form stands now."""
    fields = await visit.form()
    return visit.page("code.html", code=pasted.program(visit.gateway, request_of(fields)))


def request_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """What is asked."""
    system = fields.get("system", "").strip()
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": fields.get("message", "")})
    return {"model": fields.get("model", "").strip(), "messages": messages}


async def _page(
    visit: Visit,
    given: Mapping[str, str],
    *,
    headers: Mapping[str, str] | None = None,
    answer: Mapping[str, Any] | None = None,
    error: RefusedError | None = None,
) -> Response:
    models = [one["id"] for one in (await visit.get("/control/models"))["data"]]
    fields = {name: given.get(name, "") for name in FIELDS}
    fields["model"] = fields["model"] or next(iter(models), "")
    fields["message"] = fields["message"] or visit.say("Say hello in five languages.")
    return visit.page(
        "playground.html",
        error.status if error else 200,
        models=models,
        given=fields,
        labels=TOLD,
        headers=headers or {},
        text=_text_of(answer) if answer else "",
        usage=answer.get("usage") if answer else None,
        request_id=(headers or {}).get("x-request-id", ""),
        error=error,
        code=pasted.program(visit.gateway, request_of(fields)),
    )


def _text_of(answer: Mapping[str, Any]) -> str:
    message = answer["choices"][0]["message"] if answer.get("choices") else {}
    return str(message.get("content") or message.get("refusal") or "")


PAGES = (
    Page(
        "/playground",
        "Playground",
        show,
        "control/models",
        "Try",
        {"ask": ask, "key": make_key, "code": code},
    ),
)
