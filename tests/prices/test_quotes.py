"""What a usage costs: whose price it is, what is counted, what is not known."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage

from muxi_llm import config, prices
from muxi_llm.prices.counts import KINDS, PROMPT, counts_of
from muxi_llm.prices.rates import LISTED
from muxi_llm.prices.rows import ROWS

GPT = "openai/gpt-5.4"  # $2.5, cached $0.25, output $15 for a million; more above 272,000 tokens


NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
"""When the list prices below were so; newer lists keep what was."""


def usage(prompt: int = 1000, answer: int = 100, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer, **more}


def parts(model: str, used: Any, **how: Any) -> dict[str, tuple[Decimal, Decimal]]:
    cost = prices.cost_of(model, used, **how)
    assert cost is not None
    return {part.kind: (part.quantity, part.usd) for part in cost.parts}


def test_a_cost_is_a_decimal_that_knows_its_parts() -> None:
    """USD, exact, whatever the caller's own context is; formatted, summed and compared as decimals are."""
    with localcontext() as context:
        context.prec = 2
        cost = prices.cost_of(GPT, usage(prompt_tokens_details={"cached_tokens": 400}))
    assert cost == Decimal("0.0031")
    assert isinstance(cost, Decimal)
    assert (f"{cost:.6f}", str(cost), sum([cost, cost])) == ("0.003100", "0.0031", Decimal("0.0062"))
    assert [(p.kind, p.quantity, p.usd) for p in cost.parts] == [
        ("input", 600, Decimal("0.0015")),
        ("cached", 400, Decimal("0.0001")),
        ("output", 100, Decimal("0.0015")),
    ]
    assert cost.by_kind == {
        "input": Decimal("0.0015"), "cached": Decimal("0.0001"), "output": Decimal("0.0015"),
    }  # fmt: skip
    assert cost.prices.startswith("genai-prices 0.")
    assert cost.parts[0].model == GPT
    for same in (pickle.loads(pickle.dumps(cost)), copy.copy(cost), copy.deepcopy(cost)):
        assert (same, same.parts) == (cost, cost.parts)
    assert type(cost + 1) is Decimal
    assert str(prices.Cost([prices.Part(GPT, "total", Decimal(1), Decimal("2E+3"), "")])) == "2000"


@pytest.mark.parametrize(
    ("model", "used", "cost"),
    [
        (GPT, CompletionUsage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100), "0.004"),
        ("gpt-5.4", usage(), "0.004"),  # without a provider: OpenAI's
        (GPT, usage(300_000, 0), "1.5"),  # above the tier's start all tokens cost the tier's price
        (GPT, usage(service_tier="priority"), "0.008"),
        (GPT, usage(service_tier="default"), "0.004"),
        (GPT, {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 400}, "output_tokens": 100,
               "output_tokens_details": {"reasoning_tokens": 30}}, "0.0031"),
        # Anthropic counts its cache apart: https://platform.claude.com/docs/en/about-claude/pricing
        ("anthropic/claude-opus-5-5", {
            "input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 1000,
            "cache_creation": {"ephemeral_1h_input_tokens": 600, "ephemeral_5m_input_tokens": 400},
            "output_tokens": 5, "server_tool_use": {"web_search_requests": 2}, "service_tier": "standard",
            "speed": "standard",
        }, "0.02696"),
        ("anthropic/claude-opus-5-5", {"input_tokens": 1000, "output_tokens": 0, "service_tier": "batch"}, "0.002"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", {
            "inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 1000,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 600}, {"ttl": "5m", "inputTokens": 400}],
        }, "0.0057585"),
        ("vertex/claude-haiku-4-5@20251001", usage(), "0.0015"),
        ("azure/gpt-5.4", usage(), "0.004"),
        ("google/gemini-2.5-pro", {"promptTokenCount": 300_000, "candidatesTokenCount": 1000}, "0.765"),
        ("google/gemini-2.5-flash-image", {
            "promptTokenCount": 10, "candidatesTokenCount": 1300,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}, {"modality": "TEXT"}],
        }, "0.038728"),
        ("openai/gpt-image-2", {
            "input_tokens": 50, "input_tokens_details": {"image_tokens": 20, "text_tokens": 30}, "output_tokens": 1000,
        }, "0.03031"),
        ("openai/gpt-4o-transcribe", {
            "type": "tokens", "input_tokens": 100, "input_token_details": {"audio_tokens": 90}, "output_tokens": 10,
        }, "0.000665"),
        ("openai/whisper-1", {"type": "duration", "seconds": 90}, "0.009"),
        ("openai/whisper-1", {"text": "", "duration": 90.0}, "0.009"),
        ("groq/whisper-large-v3", {"seconds": 3}, str(Decimal("0.111") * 10 / 3600)[:10]),  # ten are the least
        ("openai/tts-1", {"characters": 2000}, "0.03"),
        ("openai/text-embedding-3-small", {"prompt_tokens": 1000, "total_tokens": 1000}, "0.00002"),
        ("openai/omni-moderation-latest", {"requests": 1}, "0"),
        ("cohere/embed-v4.0", {"tokens": {"input_tokens": 9000}, "billed_units": {"input_tokens": 1000}}, "0.00012"),
        ("cohere/command-r-08-2024", {"tokens": {"input_tokens": 1000, "output_tokens": 10}}, "0.000156"),
        ("bedrock/cohere.rerank-v3-5:0", {"search_units": 2}, "0.004"),
        ("voyage/rerank-2.5", {"total_tokens": 1000}, "0.00005"),
        ("google/imagen-4.0-generate-001", {"images": 3}, "0.12"),
        ("huggingface/openai/gpt-oss-120b:groq", usage(), "0.000225"),
        ("xai/grok-4", {**usage(prompt=10, answer=5), "total_tokens": 25,
                        "completion_tokens_details": {"reasoning_tokens": 10}}, "0.000255"),
        # What the provider itself says wins over any list.
        ("openrouter/openai/gpt-5.4", usage(cost=0.95), "0.95"),
        ("openrouter/openai/gpt-5.4", usage(cost=0.01, is_byok=True, cost_details={"upstream_inference_cost": 2}), "2.01"),
        ("xai/grok-4", usage(cost_in_usd_ticks=37756000), "0.0037756"),
        ("perplexity/sonar", usage(cost={"total_cost": 0.006}), "0.006"),
        # ... where it is one that says so.
        (GPT, usage(cost=17), "0.004"),
    ],
)  # fmt: skip
def test_prices(model: str, used: Any, cost: str) -> None:
    """Any provider's usage, by list prices, tiers and names of its own."""
    quote = prices.quote(model, used, when=NOW)
    assert quote.cost is not None, quote.reason
    assert str(quote.cost).startswith(cost) if cost.startswith("0.00030") else quote.cost == Decimal(cost)


@pytest.mark.parametrize(
    ("model", "used", "how", "reason"),
    [
        ("cohere/rerank-v3.5", {"searches": 1}, {}, "no price is known for cohere/rerank-v3.5"),
        ("vllm/my-model", usage(), {}, "no price is known for vllm/my-model"),
        ("azure/my-deployment", usage(), {}, "no price is known for azure/my-deployment"),
        ("huggingface/some/model", usage(), {}, "no price is known"),
        ("openai/whisper-1", usage(), {}, "has no price of input for openai/whisper-1"),
        ("google/gemma-3", usage(), {}, "has no price of input"),
        (GPT, usage(0, 0), {}, "told no usage"),
        (GPT, {}, {}, "told no usage"),
        ("google/gemini-3.1-pro-preview", usage(), {"tier": "made-up"}, None),
        ("openai/gpt-3.5-turbo", usage(), {"tier": "fast"}, "with service_tier 'fast'"),
        ("azure/gpt-5.4", usage(), {"tier": "priority"}, "with service_tier 'priority'"),
        ("azure/gpt-5.4", usage(), {"batch": True}, "with processing 'batch'"),
        ("openrouter/nobody/knows", usage(cost="free"), {}, "no price is known"),
        ("openrouter/nobody/knows", usage(cost=True), {}, "no price is known"),
        ("openrouter/nobody/knows", usage(cost=0, is_byok=True), {}, "no price is known"),
        ("perplexity/nobody-knows", usage(cost=-1), {}, "no price is known"),
        ("xai/nobody-knows", usage(), {}, "no price is known"),
    ],
)
def test_what_is_not_known_is_none_and_never_0(model: str, used: Any, how: Any, reason: str | None) -> None:
    """And the reason says what is missing."""
    quote = prices.quote(model, used, **how)
    if reason is None:
        assert quote.cost is not None
        return
    assert quote.cost is None
    assert reason in str(quote.reason)
    assert prices.cost_of(model, used, **how) is None


@pytest.mark.parametrize(
    ("used", "error"),
    [
        (None, TypeError), (7, TypeError), (usage(-1), ValueError), (usage(float("nan")), ValueError),
        (usage(float("inf")), ValueError), ({"seconds": "90"}, ValueError), ({"images": True}, ValueError),
        (usage(prompt_tokens_details=3), TypeError),
    ],
)  # fmt: skip
def test_a_usage_that_cannot_be(used: Any, error: type[Exception]) -> None:
    """Is refused by the name of what is wrong, and without its value."""
    with pytest.raises(error, match=r"usage|must be a number from 0"):
        prices.cost_of(GPT, used)


def test_any_object_with_fields_is_a_usage() -> None:
    """A dataclass of somebody's, for one."""

    class Used:
        def __init__(self) -> None:
            self.prompt_tokens, self.completion_tokens = 1000, 100

    assert prices.cost_of(GPT, Used()) == Decimal("0.004")


def test_the_time_and_what_answered() -> None:
    """Prices are those of the moment; a deployment's name says nothing, the model that answered does."""
    used = {"input_tokens": 1_000_000, "output_tokens": 0}
    early = prices.cost_of("deepseek/deepseek-chat", used, when=datetime(2025, 3, 1, 12, tzinfo=UTC))
    night = prices.cost_of("deepseek/deepseek-chat", used, when=datetime(2025, 3, 1, 18, tzinfo=UTC))
    assert early is not None
    assert night is not None
    assert early != night
    assert prices.cost_of("azure/mine", usage(), answered="gpt-5.4-2026-03-05") == Decimal("0.004")
    assert prices.cost_of("azure/gpt-4o", usage(), answered="gpt-5.4") == Decimal("0.004")
    assert prices.cost_of("openai/gpt-5.4", usage(), answered="gpt-4o") == Decimal("0.004")
    assert prices.cost_of("openai/mine", usage(), answered="gpt-5.4") == Decimal("0.004")


def test_overlaps_are_counted_once() -> None:
    """Cached sound is within both counts; more parts than there is of the whole are no tokens."""
    told = usage(100, 10, prompt_tokens_details={"cached_tokens": 80, "audio_tokens": 50})
    assert counts_of(told) == {"cached": 80, "input_audio": 20, "output": 10}


COUNT = st.integers(0, 10**6)


@given(COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)
def test_no_token_is_counted_twice(prompt: int, answer: int, cached: int, written: int, heard: int, thought: int) -> None:  # fmt: skip
    """Whatever the parts are said to be, they are the whole."""
    told = {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "prompt_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": written,
            "audio_tokens": heard,
        },
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    counts = counts_of(told)
    assert sum(counts.get(kind, 0) for kind in PROMPT) == prompt
    outputs = sum(counts.get(kind, 0) for kind in ("output", "reasoning"))
    assert outputs in {answer, answer + thought if prompt + answer + thought == 0 else answer}


# ------------------------------------------------------------------------------- prices of one's own


def test_own_prices_win() -> None:
    """Over lists, rows of ours and what the provider says; whole, with tiers and batches; by name or for all."""
    config.prices = {
        "OpenAI/gpt-5.4": {
            "input": 1, "output": "2", "over": {500: {"input": 4}}, "batch": {"input": 0.5}, "source": "contract",
        },
        "openrouter/*": {"input": 3, "output": 3},
        "vllm/*": {"request": "0.001"},
        "cohere/rerank-v3.5": {"search": 0.002},
        "openai/whisper-1": {"minute": 0.5},
    }  # fmt: skip
    assert parts(GPT, usage(500)) == {"input": (500, Decimal("0.0005")), "output": (100, Decimal("0.0002"))}
    assert parts(GPT, usage(501))["input"] == (501, Decimal("0.002004"))
    assert parts(GPT, usage(400, 0), batch=True) == {"input": (400, Decimal("0.0002"))}
    assert prices.cost_of("openrouter/any/model", usage(cost=0.95)) == Decimal("0.0033")
    assert prices.cost_of("cohere/rerank-v3.5", {"searches": 3}) == Decimal("0.006")
    assert prices.cost_of("openai/whisper-1", {"seconds": 30}) == Decimal("0.25")
    assert prices.quote("vllm/m", usage()).reason == "muxi_llm.config.prices has no price of input for vllm/m"
    assert prices.quote("cohere/rerank-v3.5", {"searches": 3}, batch=True).reason == (
        "no price of a batch for cohere/rerank-v3.5 in muxi_llm.config.prices"
    )
    cost = prices.cost_of(GPT, usage(500), prices={GPT: {"input": 7, "output": 0}})  # this call's alone
    assert (cost, cost.prices) == (Decimal("0.0035"), "prices=")
    config.prices = {"vllm/*": {"input": 0, "output": 0, "request": "0.001"}}
    assert parts("vllm/m", usage()) == {
        "input": (1000, 0), "output": (100, 0), "requests": (1, Decimal("0.001")),
    }  # fmt: skip


def test_prices_in_a_file(tmp_path: Any) -> None:
    """TOML or JSON, read when it is set."""
    toml = tmp_path / "prices.toml"
    toml.write_text(
        '["openai/gpt-5.4"]\ninput = 1.1\noutput = 2\n[ "openai/gpt-5.4".over ]\n500 = {input = 4}\n'
    )
    config.prices = toml
    toml.unlink()
    assert prices.cost_of(GPT, usage(100, 0)) == Decimal("0.00011")
    assert prices.cost_of(GPT, usage(600, 0)) == Decimal("0.0024")
    json = tmp_path / "prices.json"
    json.write_text('{"openai/gpt-5.4": {"input": 0.1, "output": 2}}')
    config.prices = str(json)
    assert prices.cost_of(GPT, usage(100, 0)) == Decimal("0.00001")
    config.prices = None
    assert prices.cost_of(GPT, usage()) == Decimal("0.004")


ONE = {"openai/a": {"input": 1}}


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"openai/a": {"inptu": 1}}, TypeError, r"config.prices\['openai/a'\] has no field 'inptu'; did you mean 'input'"),
        ({"openai/a": {"zzz": 1}}, TypeError, "has no field 'zzz'; known: input, cached"),
        ({"openai/a": {"input": "cheap"}}, ValueError, r"\['input'\] must be USD, a number from 0, not 'cheap'"),
        ({"openai/a": {"input": -1}}, ValueError, "must be USD"),
        ({"openai/a": {"input": True}}, ValueError, "must be USD"),
        ({"openai/a": {"input": float("nan")}}, ValueError, "must be USD"),
        ({"openai/a": {"input": None}}, ValueError, "must be USD"),
        ({"openai/a": {}}, ValueError, "has no price in it; known: input"),
        ({"openai/a": 3}, TypeError, "must be a mapping, not int"),
        ({"openai/a": {"input": 1, "over": 3}}, TypeError, r"\['over'\] must be a mapping, not int"),
        ({"openai/a": {"input": 1, "over": {"many": {}}}}, ValueError, "whole numbers from 0, not 'many'"),
        ({"openai/a": {"input": 1, "over": {5: {"inptu": 1}}}}, TypeError, r"\['over'\]\[5\] has no field 'inptu'"),
        ({"openai/a": {"batch": {"source": 1}}}, TypeError, r"\['batch'\] has no field 'source'"),
        ({"gpt-5.4": {"input": 1}}, ValueError, "has 'provider/model' as keys, not 'gpt-5.4'"),
        ({3: {"input": 1}}, ValueError, "as keys, not 3"),
        (3, TypeError, "must be a mapping or a file, not int"),
        ("prices.ini", ValueError, "a file of prices is .json or .toml, not 'prices.ini'"),
        ("there-is-none.toml", FileNotFoundError, "there-is-none"),
    ],
)  # fmt: skip
def test_prices_that_cannot_be(given: Any, error: type[Exception], said: str) -> None:
    """Are refused when they are set, by the field's name; what was set before stays."""
    config.prices = ONE
    with pytest.raises(error, match=said):
        config.prices = given
    assert config.prices == ONE


def test_a_file_that_is_none(tmp_path: Any) -> None:
    """Says which it is, and where."""
    for name, said in (("a.toml", "a.toml: "), ("a.json", "a.json: ")):
        (tmp_path / name).write_text("{")
        with pytest.raises(ValueError, match=said):
            config.prices = tmp_path / name
    (tmp_path / "b.json").write_text('{"openai/a": {"inptu": 1}}')
    with pytest.raises(TypeError, match=r"config.prices \(b.json\)\['openai/a'\] has no field"):
        config.prices = tmp_path / "b.json"


# -------------------------------------------------------------------------------------------- tables


def test_tables() -> None:
    """Every row has its source; what is counted is priced under one name everywhere."""
    assert all(row["source"].startswith("https://") for row in ROWS.values())
    assert LISTED.keys() <= KINDS.keys()
    assert all(instead in KINDS for kind in KINDS.values() for instead in kind.instead)
    assert set(dir(prices)) >= {"cost_of", "quote"}
    with pytest.raises(AttributeError, match="no attribute 'price'"):
        prices.price  # noqa: B018


def test_nothing_is_loaded_before_a_cost_is_asked_for() -> None:
    """Not by the package, not by its settings, not by a call's modules."""
    code = (
        "import sys, muxi_llm; muxi_llm.ChatCompletion; muxi_llm.config.prices = {'a/b': {'input': 1}};"
        "import muxi_llm.runtime, muxi_llm.prices; assert 'genai_prices' not in sys.modules;"
        "assert 'muxi_llm.prices.quotes' not in sys.modules;"
        "muxi_llm.prices.cost_of('openai/gpt-5.4', {'input': 1}); assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
