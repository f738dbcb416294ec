"""The gateway at work: what is under way, how its deployments do, what may be asked for, how it is set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.kinds import KINDS
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit

LONGEST = 86400
"""Seconds of a cool-down that the form offers at most."""
SHOWN = 100
"""Records of a kind that the page of settings names."""


async def live(visit: Visit) -> Response:
    """Requests under way and deployments; the part that changes alone, for a script that asks for it."""
    is_part = visit.request.headers.get("hx-request") == "true"
    found = {
        "requests": (await visit.get("/control/live"))["data"],
        "deployments": (await visit.get("/control/deployments"))["data"],
    }
    return visit.page("live_part.html" if is_part else "live.html", longest=LONGEST, **found)


async def cool(visit: Visit) -> Response:
    """Leave a deployment alone for a while."""
    fields = await visit.form()
    said = {"deployment_id": fields["id"], "cooldown_seconds": float(fields.get("seconds") or 60)}
    await visit.post("/control/deployments/cooldown", **said)
    return visit.go("/live")


async def release(visit: Visit) -> Response:
    """Leave it alone no more."""
    fields = await visit.form()
    await visit.post("/control/deployments/release", deployment_id=fields["id"])
    return visit.go("/live")


async def models(visit: Visit) -> Response:
    """Who serves what, and for how much."""
    return visit.page("models.html", models=(await visit.get("/control/models"))["data"])


async def settings(visit: Visit, error: RefusedError | None = None) -> Response:
    """The configuration at work."""
    config = await visit.get("/control/config")
    owned = [(kind, await visit.get(f"/{kind.family}/list", declared=True, limit=SHOWN)) for kind in KINDS]
    models = [(one["deployment"]["name"], one["names"]) for one in config["settings"]["deployments"]]
    text = json.dumps(config["settings"], indent=2, ensure_ascii=False)
    status = error.status if error else 200
    found = {"config": config, "text": text, "owned": owned, "models": models[:SHOWN], "many": len(models)}
    return visit.page("settings.html", status, error=error, **found)


async def reload(visit: Visit) -> Response:
    """Read it again."""
    fields = await visit.form()
    try:
        await visit.post("/control/config/reload", expected_checksum=fields.get("checksum") or None)
    except RefusedError as error:
        return await settings(visit, error)
    return visit.go("/settings")


NOW = (
    Page("/live", "Live", live, "control/live", "Now", {"cool": cool, "release": release}),
    Page("/models", "Models and prices", models, "control/models", "Now"),
)
LAST = (Page("/settings", "Settings", settings, "control/config", "Gateway", {"reload": reload}),)
