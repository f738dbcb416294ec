"""Presets' releases: which is active, who signed it, what is new in it, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit


async def show(visit: Visit, error: RefusedError | None = None) -> Response:
    """All releases; what is new in `after` compared with `before`; or whether to go to `activate`."""
    told = await visit.get("/control/presets")
    data = {"told": told, "error": error}
    status = error.status if error else 200
    if error is None and "activate" in visit.query:
        query = {"before": told["active"] or "", "after": visit.query["activate"]}
        found = await visit.get("/control/presets/diff", **query)
        return visit.page("preset_activate.html", found=found, **data)
    if error is None and {"before", "after"} <= visit.query.keys():
        query = {name: visit.query[name] for name in ("before", "after")}
        found = await visit.get("/control/presets/diff", **query)
        return visit.page("preset_diff.html", found=found, **data)
    return visit.page("presets.html", status, **data)


async def activate(visit: Visit) -> Response:
    """Serve that release."""
    fields = await visit.form()
    try:
        await visit.post("/control/presets/activate", revision=fields.get("revision", ""))
    except RefusedError as error:
        if error.status == 403:
            raise
        return await show(visit, error)
    return visit.go("/presets")


PAGES = (Page("/presets", "Presets", show, "control/presets", "Gateway", {"activate": activate}),)
