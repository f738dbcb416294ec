"""Modules that have moved are found by their old paths, and are not loaded twice."""

from __future__ import annotations

import importlib

import pytest

from muxi_llm.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_is_the_very_module(old: str) -> None:
    module = importlib.import_module(f"muxi_llm.{old}")
    assert module is importlib.import_module(f"muxi_llm.{MOVED[old]}")
    assert module.__spec__ is not None
    assert module.__spec__.name == module.__name__ == f"muxi_llm.{MOVED[old]}"


def test_names_of_files_that_became_folders_are_found_there() -> None:
    from muxi_llm.wire.gemini import GenerateContent
    from muxi_llm.wire.ollama import OllamaChat, OllamaGenerate

    assert {kind.__module__ for kind in (OllamaChat, OllamaGenerate)} == {"muxi_llm.wire.ollama.chat"}
    assert GenerateContent.__module__ == "muxi_llm.wire.gemini.generate_content"
