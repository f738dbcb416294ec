"""What a config may say: a typo is refused, and what is meant is said."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.llmix.settings import checked, total_time
from muxi_llm.llmix.types import InvalidConfigError
from tests.llmix.support import CONFIG, Script, ask, pipeline_of


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"zzz": 1}, "config has no 'zzz'; known: base_url, "),
        ({"cacheing": {}}, "config has no 'cacheing'; did you mean 'caching'?"),
        ({"common": {"temprature": 1}}, "config.common has no 'temprature'; did you mean 'temperature'?"),
        ({"common": {"maxOutputToken": 1}}, "did you mean 'max_output_tokens'?"),
        ({"caching": {"startegy": "memory"}}, "did you mean 'strategy'?"),
        ({"timeout": {"total": 1}}, "did you mean 'total_time'?"),
        ({"fallback": {"presset": "p"}}, "did you mean 'preset'?"),
        ({"provider_options": {"opnai": {}}}, "did you mean 'openai'?"),
        ({"common": 7}, "config.common must be a mapping, not 7"),
    ],
)
def test_typos_are_refused(config: dict[str, Any], story: str) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        checked({**CONFIG, **config})
    assert story in str(raised.value)


def test_a_refused_config_is_a_response_too() -> None:
    """Nothing was asked."""
    script = Script("Hi")
    response = ask("sync", pipeline_of(script), comon={})
    assert (response.success, script.asked) == (False, [])
    assert response.error == "config has no 'comon'; did you mean 'common'?"


def test_a_providers_own_options_are_the_providers_to_judge() -> None:
    options = {"provider_options": {"openai": {"whatever": 1}, "sno-gpu": {"gpuPath": "x"}}}
    assert checked({**CONFIG, **options})["provider_options"]["openai"] == {"whatever": 1}


@pytest.mark.parametrize("seconds", [0, -1, "9"])
def test_a_total_time_is_seconds_above_0(seconds: Any) -> None:
    with pytest.raises(InvalidConfigError, match="total_time must be seconds above 0"):
        total_time({"timeout": {"total_time": seconds}})
