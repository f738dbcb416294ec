"""The image and the compose file: what they run runs here, by the same command, with as few rights."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.gateway.serve import GRACE
from muxi_llm.gateway.settings import files
from tests.deploy.files import (
    CONFIG,
    DEPLOY,
    ROOT,
    command,
    copied,
    dockerfile,
    documents,
    said,
    seconds,
    variables,
)
from tests.gateway.test_serve import ASKED, chat
from tests.support.contained import contained
from tests.support.patience import until
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisServer
from tests.support.serving import Serving
from tests.support.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPOSE = documents("compose.yaml")[0]
GATEWAY: dict[str, Any] = COMPOSE["services"]["gateway"]


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that anybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="deploy-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_image_is_two_stages_without_rights_and_made_of_what_there_is() -> None:
    stages = [rest.split()[0] for word, rest in dockerfile() if word == "FROM"]
    assert len(stages) == 2
    assert len(set(stages)) == 1  # what is built in one must run in the other
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = tuple(map(int, re.findall(r"\d+", stages[0])[:2]))
    assert version >= tuple(map(int, re.findall(r"\d+", project["requires-python"])))
    assert all((ROOT / source).exists() for source in copied())
    assert set(copied()) >= {"muxi_llm", "pyproject.toml", project["readme"], *project["license-files"]}
    (extras,) = re.findall(
        r"'\.\[(.*?)\]'", said("RUN") + " ".join(rest for word, rest in dockerfile() if word == "RUN")
    )[:1]
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    assert re.fullmatch(r"\d+:\d+", said("USER"))
    assert not said("USER").startswith("0")
    assert said("EXPOSE") in json.loads(said("CMD"))
    assert said("STOPSIGNAL") == "SIGTERM"


def test_compose_and_its_configuration_agree() -> None:
    content = (DEPLOY / "config.yaml").read_text(encoding="utf-8")
    assert variables(content) <= GATEWAY["environment"].keys()
    assert f"./config.yaml:{CONFIG}:ro" in GATEWAY["volumes"]
    assert CONFIG in json.loads(said("CMD"))
    assert GATEWAY["ports"][0].rpartition(":")[2] == said("EXPOSE")
    assert (DEPLOY / GATEWAY["build"]["context"]).resolve() == ROOT
    assert (ROOT / GATEWAY["build"]["dockerfile"]).is_file()
    assert GATEWAY["read_only"]
    assert GATEWAY["depends_on"].keys() <= COMPOSE["services"].keys()
    mounted = [one for name in ("gateway", "postgres") for one in COMPOSE["services"][name]["volumes"]]
    named = {one.partition(":")[0] for one in mounted}
    assert named - {"./config.yaml"} == COMPOSE["volumes"].keys()
    state = next(one.partition(":")[2] for one in mounted if one.startswith("state:"))
    assert f'spool: "${{SPOOL:{state}/' in content
    assert f"install -d -m 1777 {state}" in " ".join(rest for word, rest in dockerfile() if word == "RUN")


def test_it_is_given_the_time_that_its_end_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GATEWAY["environment"]:
        monkeypatch.setenv(name, "x")
    server = files.read(DEPLOY / "config.yaml")[0].server
    assert seconds(GATEWAY["stop_grace_period"]) > server.pause + server.drain + GRACE


def test_what_the_container_runs_serves_read_only_as_anybody(readable: Path) -> None:
    """With the compose file's configuration, and a Redis by its command."""
    binary, *options = COMPOSE["services"]["redis"]["command"]
    assert binary == "redis-server"
    config = Path(shutil.copy(DEPLOY / "config.yaml", readable))
    with RedisServer(*options) as redis:
        asked = COMPOSE["services"]["redis"]["healthcheck"]["test"][1:]
        assert (
            subprocess.run(
                [*asked[:1], "-p", str(redis.port), *asked[1:]], check=True, capture_output=True
            ).stdout
            == b"PONG\n"
        )
        given = {"OPENAI_API_KEY": "sk-1", "APP_TOKEN": "s3cret", "REDIS_ADDR": f"127.0.0.1:{redis.port}"}
        assert given.keys() == GATEWAY["environment"].keys() - {"DATABASE_URL"}
        run = (*contained(), *command(json.loads(said("CMD")), config))
        with (
            Upstream(chat) as upstream,
            Serving(
                config, command=run, OPENAI_BASE_URL=upstream.url, HOME="/nonexistent", **given
            ) as served,
        ):
            head = {"authorization": "Bearer s3cret"}
            body = {**ASKED, "model": "gpt-5"}
            assert httpx2.post(f"{served.url}/v1/chat/completions", json=body).status_code == 401
            assert (
                httpx2.post(f"{served.url}/v1/chat/completions", json=body, headers=head).status_code == 200
            )
            until(lambda: httpx2.get(f"{served.url}/health/ready").json()["counts"] == "shared")
            counted = "llmux_proxy_total_requests"  # by its worker, half a second later
            until(lambda: counted in httpx2.get(f"{served.url}/metrics", headers=head).text)
            looks_after_itself(served)
            served.tell(signal.SIGTERM)
            served.tell(signal.SIGINT)  # impatient: the pause is over
            assert served.ended() == 0, "".join(served.said)


def looks_after_itself(served: Serving) -> None:
    """The image's own look at its health, at the port that was given here."""
    port = served.url.rpartition(":")[2]
    _, *words = json.loads(said("HEALTHCHECK").partition("CMD ")[2].replace(":8080/", f":{port}/"))
    assert subprocess.run([sys.executable, *words], check=False, capture_output=True).returncode == 0
    _, *wrong = json.loads(said("HEALTHCHECK").partition("CMD ")[2].replace(":8080/", ":1/"))
    assert subprocess.run([sys.executable, *wrong], check=False, capture_output=True).returncode != 0


def test_the_profile_with_postgres_keeps_account_there(
    readable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables are made by the service for that, and the gateway with that address knows whom it serves."""
    services = COMPOSE["services"]
    who = services["postgres"]["environment"]
    assert f"postgresql://{who['POSTGRES_USER']}:$POSTGRES_PASSWORD@postgres/{who['POSTGRES_DB']}" in (
        DEPLOY / "compose.yaml"
    ).read_text(encoding="utf-8")
    migrate = services["migrate"]
    assert migrate["profiles"] == services["postgres"]["profiles"]
    assert GATEWAY["depends_on"]["migrate"] == {
        "condition": "service_completed_successfully",
        "required": False,
    }
    _, *words = migrate["entrypoint"]
    config = Path(shutil.copy(DEPLOY / "config.yaml", readable))
    given = {"OPENAI_API_KEY": "sk-1", "APP_TOKEN": "s3cret", "REDIS_ADDR": "127.0.0.1:1"}
    monkeypatch.setenv("SPOOL", str(readable / "spool"))
    with PostgresServer() as server:
        monkeypatch.setenv("DATABASE_URL", server.database())
        subprocess.run([sys.executable, "-m", "muxi_llm", *words, *migrate["command"]], check=True)
        with Serving(config, command=command(json.loads(said("CMD")), config), **given) as served:
            assert httpx2.get(f"{served.url}/key/list").status_code == 401
            assert "x-llmux-bootstrap-token: " in "".join(served.said)
