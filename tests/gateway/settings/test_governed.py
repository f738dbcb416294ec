"""What both dialects say of governance: where its database is, and how careful it is with money."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from muxi_llm.commands.main import main
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.types.governed import GovernanceSettings

if TYPE_CHECKING:
    from pathlib import Path

TOML = """
[provider.openai]
api_key = "sk-1"
[[backend]]
model = "openai:gpt-5"
[database]
url = "sqlite:///here.db"
[governance]
lease = "5m"
wait = 3
allowance = 0.1
default_output = 100
webhook = "https://hooks.test/x"
keep_ledger = "720h"
[governance.prices."openai/gpt-5"]
input = 1
output = 2.5
[governance.discounts]
openai = 15
"""


def read(folder: Path, **given: Any) -> GovernanceSettings:
    file = folder / "config.yaml"
    provider = {"name": "house", "base_url": "http://127.0.0.1:1", "models": ["m"]}
    file.write_text(json.dumps({"providers": [provider], **given}))
    return files.read(file)[0].governance


def test_both_dialects_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(TOML)
    expected = GovernanceSettings(
        "sqlite:///here.db",
        lease=300,
        wait=3,
        allowance=0.1,
        output=100,
        prices={"openai/gpt-5": {"input": 1, "output": 2.5}},
        discounts={"openai": 15},
        webhook="https://hooks.test/x",
        keep_ledger=720 * 3600,
    )
    assert files.read(tmp_path / "config.toml")[0].governance == expected
    governance = {
        "lease": "5m",
        "wait": 3,
        "allowance": 0.1,
        "default_output": 100,
        "webhook": "https://hooks.test/x",
        "keep_ledger": "720h",
        "discounts": {"openai": 15},
        "prices": {"openai/gpt-5": {"input": 1, "output": 2.5}},
    }
    assert read(tmp_path, database={"url": "sqlite:///here.db"}, governance=governance) == expected


def test_without_a_database_there_is_no_governance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(tmp_path).database == ""
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/name")
    assert read(tmp_path).database == "postgresql://host/name"


def test_a_database_may_be_told_in_parts(tmp_path: Path) -> None:
    parts = {"host": "db.test", "user": "u@x", "password": "p/w", "name": "n"}
    assert read(tmp_path, database=parts).database == "postgresql://u%40x:p%2Fw@db.test:5432/n"


@pytest.mark.parametrize(
    ("governance", "where"),
    [
        ({"prices": {"a/b": {"inputs": 1}}}, "governance.a/b"),
        ({"default_price": {"input": -1}}, "governance.default_price"),
        ({"allowance": 3}, "governance.allowance"),
        ({"leese": 3}, "governance.leese"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(
    tmp_path: Path, governance: dict[str, Any], where: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, governance=governance)
    assert [finding.where for finding in caught.value.findings] == [where]


def test_the_tables_are_made_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    assert main(["migrate", "--database", url]) == 0
    assert capsys.readouterr().out == "the tables are of revision 0002, and were of none\n"
    read(tmp_path, database={"url": url})
    assert main(["migrate", "--config", str(tmp_path / "config.yaml")]) == 0
    assert capsys.readouterr().out == "the tables are of revision 0002\n"
    assert main(["migrate"]) == 2
    assert main(["migrate", "--database", "mysql://x/y"]) == 2
    assert "no database" in capsys.readouterr().err


def test_without_a_file_the_environment_says_where_account_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """`muxi-llm serve --dashboard` alone, which names a file of SQLite's there: it had no dashboard."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///here.sqlite3")
    assert files.of_environment().governance.database == "sqlite:///here.sqlite3"
    monkeypatch.delenv("DATABASE_URL")
    assert files.of_environment().governance == GovernanceSettings()
