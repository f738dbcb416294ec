"""The catalog: every row makes a provider, and says only what there is to say."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from muxi_llm import InvalidModelError
from muxi_llm.providers import registry
from muxi_llm.providers.base import wire_at
from muxi_llm.providers.catalog import LEVELS, ROWS
from muxi_llm.providers.compatible import MORE, OpenAICompatible
from tests.core import ask, said, text_of

COLUMNS = {name for name in dir(OpenAICompatible) if not name.startswith("_")} - {"name"} | {"models"}
MADE = {"wires", "more_wires", "models"}
"""Columns that say how to make an attribute."""

CLOSED = [name for name, row in ROWS.items() if "closed" in row]
OPEN = [name for name in ROWS if name not in CLOSED]
HERE = ("http", "127.0.0.1")


def reached(monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    """Set what provider *name* needs; its base URL."""
    kind = registry.find(name)
    assert kind is not None
    monkeypatch.setenv(kind.key_env[0], "k")
    for setting, variables in kind.settings_env.items():
        monkeypatch.setenv(variables[0], f"my-{setting}")
    if not kind.base_url:
        monkeypatch.setenv(kind.base_url_env[0], "https://mine.test/v1")
        return "https://mine.test/v1"
    return re.sub(r"\{(\w+)\}", r"my-\1", kind.base_url)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_makes_a_provider(name):
    """Its columns are attributes of `Provider`, of the same kind; a default is not repeated."""
    row, kind = ROWS[name], registry.find(name)
    assert issubclass(kind, OpenAICompatible)
    assert set(row) <= COLUMNS
    for column, value in row.items():
        assert column in MADE or getattr(kind, column) == value
        assert column in MADE or value != getattr(OpenAICompatible, column) or (name, value) == ("modal", "")
    assert kind.__name__.endswith("Provider")


@pytest.mark.parametrize("name", OPEN)
def test_every_url_is_safe(name):
    """HTTPS, or this machine, or the user's own; no slash at the end, which would double."""
    url = urlsplit(ROWS[name]["base_url"])
    assert url.scheme == "https" or (url.scheme, url.hostname) == HERE or name == "modal"
    assert not url.path.endswith("/")
    assert set(re.findall(r"\{(\w+)\}", url.geturl())) == set(registry.find(name).settings_env)


NO_KEY_OF_THAT_NAME = {
    "DEEPINFRA_TOKEN", "FRIENDLI_TOKEN", "GITHUB_TOKEN", "INFERENCE_KEY", "OVH_AI_ENDPOINTS_ACCESS_TOKEN",
    "SCW_SECRET_KEY", "SNOWFLAKE_CORTEX_PAT", "SNOWFLAKE_JWT", "SNOWFLAKE_PAT", "SNOWFLAKE_TOKEN",
    "VERCEL_OIDC_TOKEN", "CLOUDFLARE_API_TOKEN",
}  # fmt: skip
"""What these services call it themselves."""


def test_every_key_has_a_variable_of_its_own():
    """A key is for one provider: no two read the same variable."""
    seen: dict[str, str] = {}
    for name in ROWS:
        kind = registry.find(name)
        assert kind.key_env
        assert kind.base_url_env == (f"{name.upper()}_BASE_URL",)
        for variable in kind.key_env:
            assert variable.endswith("_API_KEY") or variable in NO_KEY_OF_THAT_NAME
            assert seen.setdefault(variable, name) == name


@pytest.mark.parametrize("name", OPEN)
def test_wires_of_a_row(name):
    kind, wires = registry.find(name), ROWS[name]["wires"].split()
    assert set(kind.wires) == set(wires) - set(MORE)
    assert kind.endpoints() == {*wires, *kind.more_wires}
    assert all(wire.endpoint == endpoint for endpoint, wire in kind.wires.items())
    assert all(wire_at(path).endpoint == endpoint for endpoint, path in kind.more_wires.items())


@pytest.mark.parametrize("name", OPEN)
def test_efforts_are_known_ones(name):
    """`reasoning_effort` → fields: nothing but OpenAI's values is looked up."""
    assert set(ROWS[name].get("effort_fields", {})) <= {"none", *LEVELS}


@pytest.mark.parametrize("name", OPEN)
def test_every_row_answers(driver, monkeypatch, name):
    """A chat, with what the row renames, forces and where it has it."""
    base_url = reached(monkeypatch, name)
    value, script = ask(driver, said(), model=f"{name}/model", max_completion_tokens=9)
    assert text_of(value) == "Hi"
    path = ROWS[name].get("paths", {}).get("/chat/completions", "chat/completions")
    assert script.calls[0].url == f"{base_url}/{path}"
    assert script.calls[0].headers["authorization"] == "Bearer k"
    renamed = ROWS[name].get("renames", {}).get("max_completion_tokens", "max_completion_tokens")
    assert script.bodies[0][renamed] == 9


# -------------------------------------------------------------------------------- what some differ in


@pytest.mark.parametrize(
    ("model", "given", "sent"),
    [
        ("deepseek/m", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("deepseek/m", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ("moonshot/kimi-k2.6", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("moonshot/kimi-k2.6", {"reasoning_effort": "high"}, {}),
        ("moonshot/kimi-k2.6", {"temperature": 0.3, "top_p": 0.5, "presence_penalty": 1}, {}),
        ("moonshot/kimi-k2-turbo-preview", {"temperature": 1.5}, {"temperature": 1}),
        ("moonshot/kimi-k2-0905-preview", {"temperature": 0.3, "n": 2}, {"temperature": 0.3, "n": 2}),
        ("zai/glm-5", {"temperature": 1.5, "top_p": 0, "user": "u"}, {"temperature": 1, "top_p": 0.01, "user_id": "u"}),
        ("zai/glm-5", {"stop": ["a", "b"], "seed": 1}, {"stop": ["a"]}),
        ("dashscope/qwen3-max", {"reasoning_effort": "none"}, {"enable_thinking": False}),
        ("dashscope/qwen3-max", {"reasoning_effort": "low"}, {"enable_thinking": True, "thinking_budget": 2048}),
        ("together/m", {"reasoning_effort": "none"}, {"reasoning": {"enabled": False}}),
        ("cerebras/m", {"frequency_penalty": 1, "logit_bias": {"1": 2}, "seed": 1}, {"seed": 1}),
        ("groq/m", {"logprobs": True, "n": 1}, {}),
        ("mistral/m", {"seed": 1, "user": "u"}, {"random_seed": 1}),
        ("groq/openai/gpt-oss-120b", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        ("mistral/mistral-small-latest", {"reasoning_effort": "none"}, {"reasoning_effort": "none"}),
        ("mistral/mistral-small-latest", {"reasoning_effort": "low"}, {"reasoning_effort": "high"}),
        ("inception/mercury-2", {"reasoning_effort": "none"}, {"reasoning_effort": "instant"}),
        ("xai/grok-4", {"stop": ["a"], "presence_penalty": 1, "reasoning_effort": "low"}, {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_pitfall_62_64_76_parameters(driver, monkeypatch, model, given, sent):
    """What a service has under another name, within limits, or not at all."""
    reached(monkeypatch, model.partition("/")[0])
    value, script = ask(driver, said(), model=model, **given)
    body = {name: v for name, v in script.bodies[0].items() if name not in {"model", "messages"}}
    assert body == sent
    told = {entry.param for entry in value.muxi.adaptations}
    assert {name for name in given if sent.get(name, None) != given[name]} <= told


TOOLS = [{"type": "function", "function": {"name": "f"}}]
NAMED = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("provider", "choice", "sent"),
    [
        ("zai", "required", "auto"),
        ("zai", NAMED, "auto"),
        ("zai", "none", None),
        ("zai", "auto", "auto"),
        ("moonshot", "required", "auto"),
        ("moonshot", NAMED, NAMED),
        ("fireworks", "required", "any"),
        ("deepinfra", NAMED, "auto"),
        ("groq", "required", "required"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_pitfall_65_tool_choice(driver, monkeypatch, provider, choice, sent):
    """The nearest value the service takes; where no call can be forbidden, there are no tools to call."""
    reached(monkeypatch, provider)
    _, script = ask(driver, said(), model=f"{provider}/m", tools=TOOLS, tool_choice=choice)
    assert script.bodies[0].get("tool_choice") == sent
    assert ("tools" in script.bodies[0]) == (sent is not None)


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_pitfall_52_53_mistrals_ids(driver, monkeypatch):
    """A call that another provider made: nine letters and digits, the same at the call and its result."""
    reached(monkeypatch, "mistral")
    call = {
        "id": "toolu_01VpEm654HvfMoRcrE3Hgdc6",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
    }
    own = {**call, "id": "D681PevKs"}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call, own]},
        {"role": "tool", "tool_call_id": call["id"], "content": "1"},
        {"role": "tool", "tool_call_id": own["id"], "content": "2"},
    ]  # fmt: skip
    _, script = ask(driver, said(), model="mistral/m", messages=messages)
    _, (new, kept), first, second = (m.get("tool_calls") or m for m in script.bodies[0]["messages"])
    assert re.fullmatch("[a-zA-Z0-9]{9}", new["id"])
    assert (first["tool_call_id"], second["tool_call_id"]) == (new["id"], "D681PevKs")
    assert kept["id"] == "D681PevKs"


def test_perplexity_merges_turns_of_one_role(driver, monkeypatch):
    """It refuses two user messages in a row, and a system message that is not the first."""
    reached(monkeypatch, "perplexity")
    messages = [
        {"role": role, "content": text}
        for role, text in (("system", "s"), ("user", "a"), ("user", "b"), ("assistant", "c"), ("system", "d"))
    ]
    _, script = ask(driver, said(), model="perplexity/sonar", messages=messages)
    assert [(m["role"], m["content"]) for m in script.bodies[0]["messages"]] == [
        ("system", "s"), ("user", "a\n\nb"), ("assistant", "c"), ("user", "d"),
    ]  # fmt: skip


@pytest.mark.parametrize("provider", ["sambanova", "deepseek", "publicai"])
def test_string_content(driver, monkeypatch, provider):
    """Parts of text are one string; with an image among them they stay parts."""
    reached(monkeypatch, provider)
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    _, script = ask(driver, said(), model=f"{provider}/m", messages=[{"role": "user", "content": parts}])
    assert script.bodies[0]["messages"] == [{"role": "user", "content": "a\n\nb"}]


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_message_names_are_left_out(driver, monkeypatch):
    """Groq answers 400 to them."""
    reached(monkeypatch, "groq")
    value, script = ask(
        driver, said(), model="groq/m", messages=[{"role": "user", "content": "a", "name": "Al"}]
    )
    assert script.bodies[0]["messages"] == [{"role": "user", "content": "a"}]
    assert [entry.param for entry in value.muxi.adaptations] == ["messages[].name"]


# --------------------------------------------------------------------------- services that are no more


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("key", [None, "k"])
def test_closed_services(driver, monkeypatch, name, key):
    """Whoever names one, with a key or without, is told what became of it; nothing is sent."""
    if key:
        monkeypatch.setenv(f"{name.upper()}_API_KEY", key)
    raised, script = ask(driver, model=f"{name}/m")
    assert isinstance(raised, InvalidModelError)
    assert str(raised).startswith(f"{name}: {ROWS[name]['closed']} ")
    assert f"{name.upper()}_BASE_URL" in str(raised)
    assert re.search(r"\b20\d\d\b", str(raised))
    assert script.calls == []


@pytest.mark.parametrize("name", CLOSED)
def test_closed_services_with_a_base_url(driver, monkeypatch, name):
    """Then they are servers like any other."""
    value, script = ask(driver, said(), model=f"{name}/m", base_url="https://mine.test/v1", api_key="k")
    assert text_of(value) == "Hi"
    assert script.calls[0].url == "https://mine.test/v1/chat/completions"
    monkeypatch.setenv(f"{name.upper()}_BASE_URL", "https://other.test/v1")
    _, script = ask(driver, said(), model=f"{name}/m")
    assert script.calls[0].url == "https://other.test/v1/chat/completions"
    assert "authorization" not in script.calls[0].headers


# -------------------------------------------------------------------------------- addresses of one's own


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cloudflare", "cloudflare: no account_id; set CLOUDFLARE_ACCOUNT_ID or muxi_llm.cloudflare_account_id"),
        ("snowflake", "snowflake: no account; set SNOWFLAKE_ACCOUNT or muxi_llm.snowflake_account"),
        ("modal", "modal: no base URL; set MODAL_BASE_URL or pass base_url="),
    ],
)  # fmt: skip
def test_what_an_address_lacks(driver, name, message):
    """Each error names the variable."""
    raised, script = ask(driver, model=f"{name}/m", api_key="k")
    assert str(raised) == message
    assert script.calls == []


def test_modals_proxy_tokens(driver, monkeypatch):
    """A Modal app behind its proxy authentication wants two headers of its own, and no key."""
    monkeypatch.setenv("MODAL_KEY", "wk-1")
    monkeypatch.setenv("MODAL_SECRET", "ws-2")
    _, script = ask(driver, said(), model="modal/m", base_url="https://me--llm.modal.run/v1")
    headers = script.calls[0].headers
    assert (headers["modal-key"], headers["modal-secret"]) == ("wk-1", "ws-2")
    assert "authorization" not in headers
