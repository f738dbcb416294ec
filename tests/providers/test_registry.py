"""Names → classes: nothing is built before it is asked for, nothing is guessed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from muxi_llm.providers import registry
from muxi_llm.providers.base import CLASSES, Provider
from tests.core import ask, said


@pytest.mark.parametrize("name", ["openai", "anthropic", "groq", "ollama"])
def test_known_names(name):
    kind = registry.find(name)
    assert issubclass(kind, Provider)
    assert kind.name == name
    assert registry.find(name) is kind


@pytest.mark.parametrize("name", ["nope", "", "OpenAI", "openai ", "../openai"])
def test_unknown_names(name):
    assert registry.find(name) is None


@pytest.mark.parametrize("alias", sorted(registry.ALIASES))
def test_aliases(alias):
    """Another name of the same class; none hides a provider."""
    assert registry.find(alias) is registry.find(registry.ALIASES[alias])
    assert alias not in registry.names()


def test_an_alias_is_read_as_the_providers_own_name(driver, monkeypatch):
    """Its key, its options and its report go by the one name."""
    monkeypatch.setenv("TOGETHER_API_KEY", "k")
    options = {"together": {"safety_model": "x"}}
    value, script = ask(driver, said(), model="together_ai/org/model", provider_options=options)
    assert value.muxi.model == "together/org/model"
    assert script.bodies[0]["safety_model"] == "x"
    assert script.calls[0].headers["authorization"] == "Bearer k"


def test_options_for_an_alias(driver, keys):
    """Are not passed over in silence."""
    raised, script = ask(driver, model="groq/m", provider_options={"gemini": {"a": 1}})
    assert str(raised) == "'gemini' is another name of 'google'; use that"
    assert script.calls == []


def test_names_are_sorted_and_complete():
    names = registry.names()
    assert names == sorted(names)
    assert {*registry.NATIVE, *registry.ROWS} <= set(names)
    assert all(registry.find(name) for name in names)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("opnai", "openai"), ("antropic", "anthropic"), ("gemin", "gemini"), ("qqqqq", None)],
)
def test_the_nearest_names(name, nearest):
    assert registry.nearest(name)[:1] == ([nearest] if nearest else [])


def test_a_class_under_another_name():
    """`register` gives a provider a second name."""
    kind = registry.find("groq")
    registry.register("quick", kind)
    try:
        assert registry.find("quick") is kind
        assert "quick" in registry.names()
    finally:
        del CLASSES["quick"]


def test_nothing_is_loaded_before_it_is_asked_for():
    """Asking for one provider loads no other's module and builds no other's class."""
    code = (
        "import sys; from muxi_llm.providers import registry; from muxi_llm.providers.base import CLASSES;"
        "assert not CLASSES, CLASSES; registry.find('groq'); assert set(CLASSES) == {'groq'};"
        "assert 'muxi_llm.providers.anthropic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PLUGIN = """
from muxi_llm.providers.base import Provider

class Plugged(Provider):
    base_url = "http://plugged.test"
"""


def test_third_parties_register_by_entry_point(tmp_path, monkeypatch):
    """An installed package's `muxi_llm.providers` entry point is loaded when its name is asked for."""
    info = tmp_path / "plugged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[muxi_llm.providers]\nplugged = plugged_module:Plugged\n")
    (tmp_path / "plugged_module.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    registry.installed.cache_clear()
    try:
        assert "plugged" in registry.names()
        assert "plugged_module" not in sys.modules
        assert registry.find("plugged").base_url == "http://plugged.test"
        assert registry.find("plugged") is sys.modules["plugged_module"].Plugged
    finally:
        registry.installed.cache_clear()
        CLASSES.pop("plugged", None)
        sys.modules.pop("plugged_module", None)
