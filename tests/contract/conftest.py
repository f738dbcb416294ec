"""A provider at a time: `contact` by both drivers, `quick` by the sync one, for the wide tables."""

from __future__ import annotations

import pytest

from tests.conftest import Driver
from tests.contract.contact import CHATTERS, Contact, setting_of


@pytest.fixture(params=CHATTERS)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A provider's name; what it needs beside key and base URL is set."""
    for variable, value in setting_of(request.param).env.items():
        monkeypatch.setenv(variable, value)
    return request.param


@pytest.fixture
def contact(name: str, driver: Driver) -> Contact:
    return Contact(name, driver)


@pytest.fixture
def quick(name: str) -> Contact:
    return Contact(name, Driver("sync"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Losses are looked at on the answers; their warnings would be errors."""
    for item in items:
        if item.path.parent.name == "contract":
            item.add_marker(pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"))
