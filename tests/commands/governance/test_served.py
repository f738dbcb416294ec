"""The commands against a gateway that serves, from the first key to what it has spent."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from muxi_llm.commands.governed.composed import Governed
from muxi_llm.commands.main import main
from muxi_llm.gateway.serve import settings_of
from muxi_llm.governance.store.bootstrap import Bootstrap
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.support import bodies
from tests.support.gateway import Served
from tests.support.patience import until
from tests.support.upstream import Respond, Upstream

USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}


def test_from_the_first_key_to_what_it_has_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    token = Bootstrap(store).begin()
    store.close()

    def run(line: str) -> str:
        assert main(line.split()) == 0
        return capsys.readouterr().out

    with Upstream(lambda _: Respond(json={**bodies.chat(), "usage": USAGE})) as upstream:
        file = tmp_path / "config.yaml"
        file.write_text(
            f"providers: [{{name: house, base_url: '{upstream.url}', models: [gpt-4o]}}]\n"
            f"database: {{url: 'sqlite:///{tmp_path}/store.db'}}\n"
            f"governance: {{spool: '{tmp_path}/spool', prices: {{house/gpt-4o: {{input: 10, output: 100}}}}}}\n"
        )
        settings = settings_of(str(file), {})
        with Served(settings, Governed(settings)) as served:
            first = httpx2.post(
                f"{served.url}/key/generate", json={}, headers={"x-llmux-bootstrap-token": token or ""}
            )
            monkeypatch.setenv("MUXI_LLM_ADMIN_KEY", first.json()["key"])
            monkeypatch.setenv("MUXI_LLM_GATEWAY_URL", f"{served.url}/v1")
            run("teams create red --rpm 2")
            made = json.loads(run("keys create --name ci --team red --type llm_api --json"))
            said = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
            headers = {"authorization": f"Bearer {made['key']}"}
            asked = [
                httpx2.post(f"{served.url}/v1/chat/completions", json=said, headers=headers) for _ in range(3)
            ]
            assert [one.status_code for one in asked] == [200, 200, 429]
            assert asked[1].headers["x-ratelimit-remaining-requests"] == "0"
            until(lambda: "$0.012" in run("spend keys"))
            assert "ci" in run("spend keys")
            assert "$0.006" in run("spend rows --limit 1")
            assert run("audit verify").startswith("whole: ")
            run(f"keys block {made['token_id']}")
            refused = httpx2.post(f"{served.url}/v1/chat/completions", json=said, headers=headers)
            assert refused.status_code == 403
