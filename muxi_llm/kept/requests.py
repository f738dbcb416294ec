"""What a client may ask of a response that is kept here: to have it, its input, or to have it forgotten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from muxi_llm.errors import InvalidRequestError, refusal
from muxi_llm.kept.store import chosen, is_ours, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json


def told(method: str, path: str, query: Mapping[str, str], owner: str = "") -> Json | None:
    """The answer to *owner*'s request about a kept response, `None` for any other. Raises OpenAI's errors."""
    found = ABOUT.search(path)
    if found is None or not is_ours(found["id"]):
        return None
    name, ask, key = found["id"], (method, found["part"]), key_of(owner, found["id"])
    store = chosen()
    entry = store.get(key) if store is not None else None
    if store is None or entry is None:
        message = f"Response with id '{name}' not found."
        raise refusal(404, message, type="invalid_request_error")
    if ask == ("GET", "input_items"):
        return _page(entry["input"], query)
    if ask == ("DELETE", None):
        store.delete(key)
        return {"id": name, "object": "response", "deleted": True}
    if ask != ("GET", None):
        raise InvalidRequestError("Cannot cancel a synchronous response.")
    if query.get("stream") == "true":
        raise InvalidRequestError("stream: only responses made in the background can be", param="stream")
    return entry["response"]


def _page(items: list[Json], query: Mapping[str, str]) -> Json:
    """Input items as pages, the last item first unless the query says otherwise."""
    limit, after = query.get("limit", "20"), query.get("after")
    if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= 100:
        raise InvalidRequestError(f"limit must be a whole number from 1 to 100, not {limit}", param="limit")
    ordered = items if query.get("order") == "asc" else items[::-1]
    ids = [item["id"] for item in ordered]
    if after is not None and after not in ids:
        raise InvalidRequestError(f"Item with id '{after}' not found.", param="after")
    start = 0 if after is None else ids.index(after) + 1
    end = start + int(limit)
    page = [_listed(item) for item in ordered[start:end]]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": end < len(items)}


def _listed(item: Json) -> Json:
    """An item as OpenAI lists it: what a client may leave out is said."""
    told = {"type": "message", "status": "completed", **item}
    if isinstance(item.get("content"), str):
        kind = {"type": "output_text", "annotations": []} if item["role"] == "assistant" else INPUT_TEXT
        told["content"] = [{**kind, "text": item["content"]}]
    return told


# ------------------------------------------------------------------------------------------ tables

INPUT_TEXT = {"type": "input_text"}
ABOUT = re.compile(r"/responses/(?P<id>[^/]+)(?:/(?P<part>input_items|cancel))?$")
