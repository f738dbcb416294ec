"""Responses, inbound, with a memory: what a client's request refers to is put before it, its answer kept."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError
from muxi_llm.kept.store import MemoryStore, chosen, is_ours, key_of, new_id
from muxi_llm.wire.base import WireError, loads
from muxi_llm.wire.responses.inbound import ResponsesInbound
from muxi_llm.wire.responses.inbound_request import history_of
from muxi_llm.wire.responses.items import short_id
from muxi_llm.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.kept.store import Entry
    from muxi_llm.wire.base import Json, Ledger


class KeptResponses(ResponsesInbound):
    """OpenAI's Responses, backwards, over the store of now."""

    not_kept = (
        "responses are not kept here (muxi_llm.config.response_store is None); "
        "send the whole conversation as input"
    )

    def __init__(self, ledger: Ledger) -> None:
        self._store = chosen()
        super().__init__(ledger, keeps=self._store is not None)
        self.response_id: str = new_id()
        self._history: list[Json] = []
        self._sse = SSEDecoder(inf)  # bounded before it came here

    # ------------------------------------------------------------------------------------ request

    def decode_request(self, data: bytes) -> Json:
        body = super().decode_request(data)
        if self.conversation:
            why = "conversations are kept at OpenAI; go on by previous_response_id"
            raise InvalidRequestError(f"conversation: {why}", param="conversation")
        if self.goes_on:
            self._history = self._until(self.previous_response_id)
            known = self._referred(self.items)
            self.resume(body, self._history, known)
        stem = f"item_{_stem(self.response_id)}"
        self.items = [
            item if item.get("id") else {**item, "id": f"{stem}_{n}"} for n, item in enumerate(self.items)
        ]
        return body

    def own_body(self, raw: Json, ledger: Ledger) -> Json:
        """*raw* as the client's own server can take it: what it refers to here put in, since nobody there
        knows of it. *raw* itself where that is nothing.
        """
        before, given = raw.get("previous_response_id"), raw.get("input") or []
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        if not isinstance(given, str | list) or not all(isinstance(item, dict) for item in items):
            return raw
        if not any(is_ours(name) for name in (before, *(item.get("id") for item in items))):
            return raw
        history = self._until(before) if is_ours(before) else []
        known = {item["id"]: item for item in history} | self._referred(items)
        asked = [*history, *(known.get(item.get("id"), item) for item in items)]
        out = dict(raw)
        if is_ours(before):
            del out["previous_response_id"]
        out["input"] = [_without_ours(item) for item in asked if not _is_thought_of_ours(item)]
        if len(out["input"]) < len(asked):
            ledger.dropped("input", "reasoning means nothing to another provider", loss=False)
        return out

    def _until(self, name: Any) -> list[Json]:
        """The conversation up to a response and with it; nothing where none is named."""
        if not name:
            return []
        entry = self._entry(str(name))
        if entry is None and self._store is None:
            raise InvalidRequestError(f"previous_response_id: {self.not_kept}", param="previous_response_id")
        if entry is None:
            message = f"Previous response with id '{name}' not found."
            code = "previous_response_not_found"
            raise InvalidRequestError(message, param="previous_response_id", code=code)
        return history_of(entry["input"], entry["response"]["output"])

    def _referred(self, items: Sequence[Json]) -> dict[str, Json]:
        """Kept items that *items* refer to, by id: an item's tells its response's."""
        known: dict[str, Json] = {}
        for item in items:
            if item.get("type") == "item_reference" and is_ours(item.get("id")):
                entry = self._entry(f"resp_{_stem(item['id']).rpartition('_')[0]}")
                kept = history_of(entry["input"], entry["response"]["output"]) if entry else []
                known.update({one["id"]: one for one in kept if one["id"] == item["id"]})
        return known

    def _entry(self, name: str) -> Entry | None:
        return None if self._store is None else self._store.get(key_of(self.owner, name))

    # ------------------------------------------------------------------------------------- answer

    @property
    def waits(self) -> bool:
        """Whether keeping the answer may take its time."""
        return bool(self.store) and not isinstance(self._store, MemoryStore)

    def encode_response(self, value: Any) -> bytes:
        data = super().encode_response(value)
        self.keep(data)
        return data

    def encode_end(self) -> bytes:
        events = super().encode_end()
        self.keep_events(events)
        return events

    def keep(self, data: bytes) -> None:
        """A whole response, whoever gave it."""
        if self.store:
            self._keep_whole(_read(data))

    def keep_events(self, data: bytes) -> None:
        """Some of a response's events: the last has it whole."""
        if self.store:
            for _, payload in self._sse.feed(data):
                event = _read(payload)
                self._keep_whole(event.get("response") if isinstance(event, dict) else None)

    def _keep_whole(self, response: Any) -> None:
        """What was said to the end, and says so: the client's own server may be anything."""
        if self._store is None or not isinstance(response, dict) or not response.keys() >= {"id", "output"}:
            return
        if response.get("status") in {"completed", "incomplete"}:
            entry: Entry = {"response": response, "input": [*self._history, *self.items]}
            self._store.put(key_of(self.owner, str(response["id"])), entry)


def _read(data: bytes) -> Any:
    """JSON, or nothing: what the client's own server says is the client's to judge."""
    try:
        return loads(data)
    except WireError:
        return None


def _stem(name: str) -> str:
    """What a response's id and those of its items have in common; an item's ends in a number."""
    return name.partition("_")[2]


def _is_thought_of_ours(item: Json) -> bool:
    return item.get("type") == "reasoning" and is_ours(item.get("id"))


def _without_ours(item: Json) -> Json:
    """*item* without the id it has from here, and with a `call_id` as short as OpenAI wants it."""
    if item.get("type") == "item_reference" and is_ours(item.get("id")):
        raise InvalidRequestError(f"Item with id '{item['id']}' not found.", param="input")
    out = {name: value for name, value in item.items() if name != "id" or not is_ours(value)}
    if "call_id" in item:
        out["call_id"] = short_id(item["call_id"])
    return out
