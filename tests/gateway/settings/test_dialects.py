"""Both dialects become the same settings; whatever is wrong is said at once, and by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from muxi_llm.gateway.serve import settings_of
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.routing.deployments import Window
from muxi_llm.routing.rewriting import Rewriting

if TYPE_CHECKING:
    from pathlib import Path

    from muxi_llm.gateway.settings.model import Settings

TOML = """
host = "0.0.0.0"
port = 8082
log_level = "INFO"
request_timeout = 90
max_retries = 2
https_enabled = false
ssl_key_file = ""
ssl_cert_file = ""

[provider.openai]
api_key = "sk-1"
base_url = "https://api.openai.com/v1"

[provider.house]
api_key = "csk-1"
base_url = "http://localhost:1234/v1"

[[backend]]
model = "house:hf:Qwen/Qwen3-Coder"
context = 131000
max_per_day = 1000
max_per_hour = 100
max_per_5hours = 400

[[backend]]
model = "openai:o3"
context = 1000000
thinking = true
vision = true
model_match = ["*Opus*", "*o1*"]
key_rename = { max_tokens = "max_completion_tokens" }
key_delete = "user"
key_add = { store = false }

[tokens]
client1 = "your-secret-api-key"
"""

YAML = """
server: {port: 8080, admin_port: 0, read_timeout: 30s, write_timeout: 120s}
deployment: {mode: standalone}
providers:
  - name: openai
    type: openai
    api_key: ${OPENAI_API_KEY}
    base_url: https://api.openai.com/v1
    models:
      - gpt-4o
      - {name: gpt-4o-mini, weight: 3, rpm: 100, tpm: 20000, aliases: [small], price: {input: 1.5e-7, output: 6.0e-7}}
  - {name: house, base_url: "http://localhost:1/v1", models: [{name: gpt-4o, model: qwen3}]}
routing:
  strategy: simple-shuffle
  fallback_enabled: true
  retry_count: 3
  distributed: false
  fallbacks: {gpt-4o: [gpt-4o-mini]}
  strategies: {gpt-4o-mini: least-busy}
  cooldown_period: 1m30s
metrics: {enabled: true, path: /metrics}
"""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")


def read(folder: Path, name: str, content: str) -> Settings:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return files.read(file)[0]


def findings(folder: Path, name: str, content: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, name, content)
    return [str(finding) for finding in caught.value.findings]


def test_backends_are_deployments_in_their_order(tmp_path: Path) -> None:
    settings = read(tmp_path, "config.toml", TOML)
    house, reasoner = settings.deployments
    assert (house.provider, house.deployment.model) == ("house", "house/hf:Qwen/Qwen3-Coder")
    assert house.deployment.serves == ("*",)
    assert (house.deployment.vision, house.deployment.thinking) == (False, False)
    assert set(house.deployment.windows) == {Window(1000, 86400), Window(100, 3600), Window(400, 18000)}
    assert reasoner.deployment.serves == ("*opus*", "*o1*")
    assert reasoner.deployment.thinking
    assert reasoner.rewriting == Rewriting(
        ("user",), {"store": False}, {"max_tokens": "max_completion_tokens"}
    )
    assert settings.rules.strategy == "in-order"
    assert settings.tokens == {"client1": "your-secret-api-key"}
    assert (settings.server.host, settings.server.port, settings.timeout) == ("0.0.0.0", 8082, 90.0)
    assert settings.providers["house"].kind == ""
    assert settings.providers["openai"].kind == "openai"


def test_models_are_deployments_of_their_name(tmp_path: Path) -> None:
    settings = read(tmp_path, "config.yaml", YAML)
    names = [one.deployment.name for one in settings.deployments]
    assert names == ["openai/gpt-4o", "openai/gpt-4o-mini", "house/gpt-4o"]
    small, own = settings.deployments[1].deployment, settings.deployments[2].deployment
    assert (small.weight, small.rpm, small.tpm, small.price) == (3.0, 100, 20000, (1.5e-7, 6e-7))
    assert small.serves == ("gpt-4o-mini", "openai/gpt-4o-mini", "small")
    assert (own.model, own.serves) == ("house/qwen3", ("gpt-4o", "house/gpt-4o"))
    assert settings.providers["openai"].api_key == "sk-env"
    assert settings.rules.fallbacks == {"gpt-4o": ("gpt-4o-mini",)}
    assert settings.rules.strategies == {"gpt-4o-mini": "least-busy"}
    assert (settings.rules.cooling, settings.retries, settings.metrics) == (90.0, 3, "/metrics")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("max_per_day", "max_per_dya"),
            "backend[0].max_per_dya: there is no such key; did you mean 'max_per_day'?",
        ),
        (("house:hf:Qwen/Qwen3-Coder", "hause:x"), "backend[0].model: there is no [provider.hause]"),
        (('"house:hf:Qwen/Qwen3-Coder"', '"x"'), 'backend[0].model: must be "provider:model"'),
        (("port = 8082", 'port = "x"'), "port: must be a whole number from 0, not a str"),
        (("context = 131000", "context = -1"), "backend[0].context: must be a whole number from 0, not -1"),
        (("thinking = true", 'thinking = "yes"'), "backend[1].thinking: must be true or false, not a str"),
        (('base_url = "http://localhost:1234/v1"', ""), "provider.house.base_url: is missing"),
        (
            ("https_enabled = false", "https_enabled = true"),
            "https_enabled: wants ssl_key_file and ssl_cert_file",
        ),
        (('client1 = "your-secret-api-key"', "client1 = 5"), "tokens: must be a string, not 5"),
    ],
)
def test_what_is_wrong_in_toml_is_said_by_its_name(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    found = findings(tmp_path, "config.toml", TOML.replace(*change))
    assert any(said in finding for finding in found), found
    assert not any("your-secret" in finding for finding in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("strategy: simple-shuffle", "strategy: fastest"),
            "routing.strategy: must be one of in-order, simple-shuffle",
        ),
        (("type: openai", "type: opnai\n    novel: 1"), "providers[0].novel: there is no such key"),
        (
            ('name: house, base_url: "http://localhost:1/v1"', "name: hause"),
            "any server of OpenAI's wire will do",
        ),
        (("name: house", "name: openai"), "there are two providers called 'openai'"),
        (
            ("cooldown_period: 1m30s", "cooldown_period: soon"),
            "must be a time such as 30s or 1h30m, not 'soon'",
        ),
        (
            ("weight: 3", "wieght: 3"),
            "providers[0].models[1].wieght: there is no such key; did you mean 'weight'?",
        ),
        (("- gpt-4o\n", "- 4\n"), "providers[0].models[0]: must be a model's name"),
        (("distributed: false", "distributed: true"), "routing.distributed: wants a redis"),
        (("mode: standalone", "mode: distributed"), "deployment.mode: distributed wants"),
        (("${OPENAI_API_KEY}", "${NOT_THERE}"), "providers[0].api_key: the variable NOT_THERE is not set"),
        (
            ("${OPENAI_API_KEY}", "${file:/not/there}"),
            "providers[0].api_key: the file /not/there cannot be read",
        ),
        (
            ("metrics: {", "auth: {enabled: true}\nmetrics: {"),
            "auth.tokens: auth is enabled, and nobody has a token",
        ),
    ],
)
def test_what_is_wrong_in_yaml_is_said_by_its_name(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in YAML
    found = findings(tmp_path, "config.yaml", YAML.replace(*change))
    assert any(said in finding for finding in found), found


def test_a_provider_has_settings_of_its_own(tmp_path: Path) -> None:
    text = "providers: [{name: aws, type: bedrock, models: [m], settings: {%s: us-east-1}}]"
    settings = read(tmp_path, "config.yaml", text % "region")
    assert settings.providers["aws"].settings == {"region": "us-east-1"}
    (told,) = findings(tmp_path, "config.yaml", text % "regoin")
    assert told == "providers[0].settings.regoin: there is no such key; did you mean 'region'?"
    (told,) = findings(tmp_path, "config.yaml", text.replace("bedrock", "openai") % "region")
    assert told.endswith("known here: none")


def test_how_much_of_responses_is_kept_is_said_in_both(tmp_path: Path) -> None:
    assert read(tmp_path, "config.toml", f"kept_responses = 5\n{TOML}").server.limits.responses == 5
    assert read(tmp_path, "config.toml", TOML).server.limits.responses == 64 * 2**20
    text = "server: {limits: {responses: %s}}\nproviders: [{name: openai, models: [m]}]"
    assert read(tmp_path, "config.yaml", text % 0).server.limits.responses == 0
    (told,) = findings(tmp_path, "config.yaml", text % "many")
    assert told.startswith("server.limits.responses: must be a whole number")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    content = (
        TOML.replace("max_per_day", "a_day").replace("port = 8082", "port = true").replace("house:", "no:")
    )
    assert len(findings(tmp_path, "config.toml", content)) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{}"),
        ("config.toml", "port = "),
        ("config.yaml", "a: [b"),
        ("config.yaml", ""),
        ("c.yml", "- a"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: str) -> None:
    assert name in findings(tmp_path, name, content)[0]


def test_a_file_that_is_not_there_is_an_error_and_never_a_gateway_without_tokens(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        settings_of(str(tmp_path / "config.toml"), {})


def test_variables_have_defaults_and_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n", encoding="utf-8")
    content = YAML.replace("${OPENAI_API_KEY}", f"${{file:{tmp_path}/secret}}").replace(
        "8080", '"${PORT:9090}"'
    )
    settings = read(tmp_path, "config.yaml", content)
    assert (settings.providers["openai"].api_key, settings.server.port) == ("s3cret", 9090)


def test_without_tokens_it_is_for_this_machine_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(YAML, encoding="utf-8")
    assert settings_of(str(file), {}).server.is_loopback
    with pytest.raises(ConfigurationError, match="--no-auth"):
        settings_of(str(file), {"host": "0.0.0.0"})
    assert settings_of(str(file), {"host": "0.0.0.0", "is_open": True}).is_open
    file.write_text(YAML + "auth: {enabled: true, tokens: {app: s3cret}}\n", encoding="utf-8")
    assert settings_of(str(file), {"host": "0.0.0.0"}).tokens == {"app": "s3cret"}


def test_without_a_file_every_provider_whose_key_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant")
    settings = files.of_environment()
    assert {"openai", "anthropic"} <= settings.providers.keys()
    serves = {one.deployment.name: one.deployment.serves for one in settings.deployments}
    assert serves["anthropic"] == ("anthropic/*", "claude-*")
