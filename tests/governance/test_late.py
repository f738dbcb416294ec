"""What costs after it was asked for: batches, when they are over, and sessions of realtime as they go."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from muxi_llm.commands.governed.composed import Governed
from muxi_llm.gateway.settings.model import ProviderSettings
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.windows import span, window_of
from muxi_llm.stored.late import Tally
from tests.gateway.test_stored import line_of
from tests.governance.test_governor import PRICES, SECRET, World, settled
from tests.governance.test_governor import world as world  # noqa: PLC0414 - a fixture of theirs
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import until
from tests.support.sessions import USAGE, Sessions
from tests.support.speakers.stored import EPOCH, OpenAIVault, jsonl

LINES = 2
"""Those of a batch of three that did not fail."""
COST = LINES * (3 * 10 + 2 * 100)
TOLD = {"input_tokens": LINES * 3, "output_tokens": LINES * 2, "total_tokens": LINES * 5}
TOLD |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}


class Vault(OpenAIVault):
    """Whose models answer by their dated names; says of a batch what it has used, if it is to."""

    says: bool = False

    def rows(self, source: str) -> tuple[list[Any], list[Any]]:
        done, lost = super().rows(source)
        for row in done:
            row["response"]["body"]["model"] = "dear-2026-01-01"
        return done, lost

    def finished(self, done: int, lost: int) -> dict[str, Any]:
        more = {"usage": TOLD, "model": "dear-2026-01-01"} if self.says else {}
        return {**super().finished(done, lost), **more}


@pytest.mark.parametrize("says", [True, False])
def test_a_batch_is_booked_once_where_it_began(store: Store, tmp_path: Path, says: bool) -> None:
    vault = Vault()
    vault.says = says
    world = World(store, tmp_path, vault)
    world.budget("b", 10**9)
    governance = replace(world.governance, prices={"openai/dear": PRICES["one/dear"]})
    served_here = at(world.upstreams[0], "openai"), deployment("openai/dear", "dear")
    settings = settings_of(served_here, governance=governance)
    try:
        with (
            Served(settings, Governed(settings)) as served,
            openai.OpenAI(api_key=SECRET, base_url=f"{served.url}/v1") as client,
        ):
            lines = jsonl([line_of(number, "dear") for number in range(3)])
            file = client.files.create(file=("in.jsonl", lines), purpose="batch")
            batch = client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            client.batches.retrieve(batch.id)
            client.files.content(file.id).read()
            vault.finish(next(iter(vault.batches)))
            for _ in range(2):
                done = client.batches.retrieve(batch.id)
                assert done.output_file_id is not None
                assert len(client.files.content(done.output_file_id).text.splitlines()) == LINES
            settled(world, 1)
            until(lambda: not [row for row in world.rows(schema.reservations) if row["state"] == "open"])
        (row,) = world.rows(schema.ledger)
        assert (row["cost"], row["kind"], row["model"], row["key_id"]) == (COST, "usage", "dear", "k1")
        assert world.spent("b") == (COST, 0)
        (balance,) = [one for one in world.rows(schema.balances) if one["spent"]]
        assert balance["period"] == span(window_of("month", "", 0), EPOCH).start
    finally:
        world.close()


def test_a_session_is_held_for_and_booked_at_what_it_was(world: World) -> None:
    price = {"input": 10, "output": 100, "input_audio": 20, "output_audio": 200}
    world.governance = replace(world.governance, prices={"openai/gpt-realtime": price})
    world.budget("b", 10**9)
    with Sessions() as there:
        provider = ProviderSettings("openai", "openai", "sk-openai", there.url)
        settings = settings_of(
            (provider, deployment("openai/gpt-realtime", "voice")), governance=world.governance
        )
        with Served(settings, Governed(settings)) as served:
            url = f"{served.url.replace('http', 'ws', 1)}/v1/realtime?model=voice"
            with connect(url, additional_headers={"authorization": f"Bearer {SECRET}"}) as session:
                session.send('{"type": "response.create"}')
                until(lambda: world.spent("b")[1] > 0)
                while '"response.done", "response"' not in str(session.recv(timeout=10)):
                    pass
            settled(world, 1)
    (row,) = world.rows(schema.ledger)
    sound, said = USAGE["input_token_details"], USAGE["output_token_details"]
    assert isinstance(sound, dict)
    assert isinstance(said, dict)
    cost = sound["text_tokens"] * 10 + sound["audio_tokens"] * 20
    cost += said["text_tokens"] * 100 + said["audio_tokens"] * 200
    assert (row["cost"], row["kind"]) == (cost, "usage")
    assert world.spent("b") == (cost, 0)


def test_a_session_ends_once_its_budget_is_spent(world: World) -> None:
    """It was let in with what was left, and asks for more once it has used that; what it used is booked."""
    price = {"input": 10, "output": 100, "input_audio": 20, "output_audio": 200}
    world.governance = replace(world.governance, prices={"openai/gpt-realtime": price})
    world.budget("b", 3000)
    with Sessions() as there:
        provider = ProviderSettings("openai", "openai", "sk-openai", there.url)
        settings = settings_of(
            (provider, deployment("openai/gpt-realtime", "voice")), governance=world.governance
        )
        with Served(settings, Governed(settings)) as served:
            url = f"{served.url.replace('http', 'ws', 1)}/v1/realtime?model=voice"
            said = []
            with (
                connect(url, additional_headers={"authorization": f"Bearer {SECRET}"}) as session,
                suppress(ConnectionClosed),
            ):
                while True:
                    session.send('{"type": "response.create"}')
                    while '"response.done", "response"' not in (event := str(session.recv(timeout=10))):
                        said.append(event)
            settled(world, 1)
    error = orjson.loads(said[-1])["error"]
    assert (error["type"], session.protocol.close_code) == ("rate_limit_error", 1008), error
    (row,) = world.rows(schema.ledger)
    assert row["kind"] == "usage"
    assert row["cost"] % 1950 == 0
    assert row["cost"] > 3000
    assert world.spent("b") == (row["cost"], 0)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 100,
        b'{"custom_id": "a"}\n',
        b'{"custom_id": "a", "response": [1]}\n',
        b'{"custom_id": "a", "response": {"body": "text"}}\n',
        b'{"custom_id": "a", "response": {"body": {"usage": [1]}}}\n',
        b'{"custom_id": "a", "body": {"usage": {"input_tokens": 1}}}\n',
    ],
)
def test_any_other_file_says_nothing_of_costs(content: bytes) -> None:
    tally = Tally()
    for start in range(0, len(content), 7):
        tally.feed(content[start : start + 7])
    assert list(tally.over({}, "openai", "file-1")) == []
