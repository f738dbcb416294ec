"""The document's own samples, with nothing changed but the import."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    DispatchInput,
    KeyPool,
    LLMUsage,
    PipelineConfig,
    ProviderResult,
    load_keys_from_env,
    openai_dispatch,
)
from tests.support.bodies import chat
from tests.support.upstream import Respond, Upstream

SAMPLE = """
import asyncio
import os
from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    KeyPool,
    PipelineConfig,
    TwoTierCache,
    openai_dispatch,
)
async def main() -> None:
    pipeline = CallPipeline(
        PipelineConfig(
            dispatch=openai_dispatch(),
            response_cache=TwoTierCache("memory"),
        )
    )
    pipeline.set_key_pool("openai", KeyPool([os.environ["OPENAI_API_KEY"]]))
    response = await pipeline.call(
        CallInput(
            config={
                "provider": "openai",
                "model": "gpt-4o-mini",
                "common": {"temperature": 0.2, "max_output_tokens": 512},
                "caching": {"strategy": "memory"},
            },
            messages=[
                {"role": "user", "content": "Explain LLMix in one sentence."}
            ],
        )
    )
    print(response.content)
    await pipeline.close()
asyncio.run(main())
"""


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> Upstream:
    """OpenAI on loopback."""
    upstream.respond = lambda _: Respond(json=chat("LLMix is a harness."))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
    return upstream


def test_the_python_sample(openai: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the answer, and asks as it says."""
    exec(compile(SAMPLE, "sample.py", "exec"), {"__name__": "sample"})
    assert capsys.readouterr().out == "LLMix is a harness.\n"
    [request] = openai.requests
    assert request.headers["authorization"] == "Bearer sk-env"
    assert request.json == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Explain LLMix in one sentence."}],
        "temperature": 0.2,
        "max_tokens": 512,
    }


def test_the_sample_is_the_documents(shared: Path) -> None:
    """Line by line, but for the import and the indentation that the document has lost."""
    document = (shared / "seeds" / "000-llmix.md").read_text()
    begin = document.index("import asyncio\nimport os\nfrom llmix import (")
    end = document.index("asyncio.run(main())", begin) + len("asyncio.run(main())")
    ours = SAMPLE.replace("muxi_llm.llmix", "llmix").strip().splitlines()
    assert document[begin:end].splitlines() == [line.strip() for line in ours]


def test_the_rust_samples_meaning(openai: Upstream) -> None:
    """Keys from the environment, no cache, a call."""
    pipeline = CallPipeline(PipelineConfig(openai_dispatch()))
    pipeline.set_key_pool("openai", load_keys_from_env("openai"))
    config = {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "common": {"temperature": 0.2, "max_output_tokens": 512},
        "caching": {"strategy": "memory"},
    }
    messages = [{"role": "user", "content": "Explain LLMix in one sentence."}]
    response = asyncio.run(pipeline.call(CallInput(config, messages, singleflight_key=None)))
    assert response.success
    assert response.content == "LLMix is a harness."
    assert response.usage == LLMUsage(5, 2, 7)


def test_the_crates_sample() -> None:
    """Any async function dispatches."""

    async def echo(context: DispatchInput) -> ProviderResult:
        prompt = context.messages[-1].get("content", "hello")
        return ProviderResult(f"echo: {prompt}", context.model, LLMUsage(1, 2, 3))

    async def main() -> None:
        pipeline = CallPipeline(PipelineConfig(echo))
        pipeline.set_key_pool("openai", KeyPool(["demo-key"]))
        config = {"provider": "openai", "model": "gpt-4o-mini"}
        response = await pipeline.call(CallInput(config, [{"role": "user", "content": "hello"}]))
        assert response.success, response.error
        assert response.content == "echo: hello"
        await pipeline.close()

    asyncio.run(main())


def test_importing_is_light() -> None:
    """The package itself does not load LLMix, nor LLMix an extra."""
    program = """
import sys, muxi_llm
assert "muxi_llm.llmix" not in sys.modules
from muxi_llm import llmix
assert set(llmix.__all__) <= set(dir(llmix))
print(sorted({"redis", "anthropic", "google.genai", "pyreqwest"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
