"""What is pasted so that coding agents and SDKs ask this gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.dashboard import pasted
from muxi_llm.dashboard.asking import RefusedError
from muxi_llm.dashboard.pages.page import Page

if TYPE_CHECKING:
    from starlette.responses import Response

    from muxi_llm.dashboard.visits import Visit


async def show(visit: Visit) -> Response:
    """For the model that was chosen, else the first."""
    models = [one["id"] for one in (await visit.get("/control/models"))["data"]]
    model = visit.query.get("model") or next(iter(models), "MODEL")
    try:
        texts = {name: pasted.settings(name, visit.gateway, model) for name in pasted.CLIENTS}
        error = None
    except ValueError:
        told = visit.say("The address and the model go into quotes, and may have none of their own.")
        texts, error = {}, RefusedError(400, told, "model")
    return visit.page(
        "clients.html", 400 if error else 200, models=models, model=model, clients=pasted.CLIENTS,
        texts=texts, error=error,
    )  # fmt: skip


PAGES = (Page("/clients", "Set up a client", show, "control/models", "Try"),)
