"""Every text that a page may show has its Chinese."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from jinja2 import Environment, nodes

from muxi_llm import dashboard
from muxi_llm.dashboard.pages import MENU
from muxi_llm.dashboard.pages.kinds import KINDS
from muxi_llm.dashboard.visits import THEMES
from muxi_llm.dashboard.words import table
from tests.support.browsing import Shown

ROOT = Path(dashboard.__file__).parent
ENDS = {
    "Change ": [kind.one for kind in KINDS],
    "New ": [kind.one for kind in KINDS],
}
"""What follows a text that is put together."""


def of_templates() -> Iterator[str]:
    for file in sorted((ROOT / "templates").glob("*.html")):
        tree = Environment(extensions=["jinja2.ext.do"], autoescape=True).parse(file.read_text())
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                yield from of_call(call.args[0])
        for loop in tree.find_all(nodes.For):
            yield from of_loop(loop)


def of_call(argument: nodes.Expr) -> Iterator[str]:
    if isinstance(argument, nodes.Const):
        yield argument.value
    elif isinstance(argument, nodes.Add | nodes.Concat):
        first = argument.nodes[0] if isinstance(argument, nodes.Concat) else argument.left
        assert isinstance(first, nodes.Const)
        yield from (f"{first.value}{end}" for end in ENDS[first.value])
    elif isinstance(argument, nodes.CondExpr):
        yield from of_call(argument.expr1)


def of_loop(loop: nodes.For) -> Iterator[str]:
    """Of a loop over pairs in which one is called `label`."""
    names = [one.name for one in getattr(loop.target, "items", ()) if isinstance(one, nodes.Name)]
    if "label" in names:
        at, size = names.index("label"), len(names)
        for pair in loop.iter.find_all(nodes.Tuple):
            if len(pair.items) == size and isinstance(pair.items[at], nodes.Const):
                yield pair.items[at].value


def of_tables() -> Iterator[str]:
    yield from THEMES.values()
    for group in MENU:
        yield group.name
        yield from (page.title for page in group.pages)
    for kind in KINDS:
        yield from (kind.title, kind.one, kind.one.capitalize(), *(title for title, _ in kind.groups))
        for field in kind.fields:
            yield from filter(None, (field.label, field.hint, *(field.choices or {}).values()))
    for file in sorted((ROOT / "pages").glob("*.py")):
        yield from re.findall(r'visit\.say\("([^"]+)"', file.read_text())
    yield from ("Requests", "Tokens", "Cost", "Answered", "Failed", "Read", "Written")  # of pictures
    yield from ("Latency", "First token", "Median", "95% within")
    yield from ("closed", "open", "half-open")  # of breakers
    yield from ("usage", "estimated", "unknown", "correction")  # of the ledger
    yield from ("Keys", "Teams", "Users")  # of what is ranked


def test_nothing_lacks_its_chinese() -> None:
    texts = {*of_templates(), *of_tables()} - {"Change", "New"}
    assert len(texts) > 150
    assert texts - table("zh").keys() == set()


def test_what_stands_in_braces_stands_there_in_chinese_too() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert {text for text, told in table("zh").items() if fields(text) != fields(told)} == set()


def test_the_table_is_in_order() -> None:
    text = (ROOT / "texts" / "zh.json").read_text("utf-8")
    assert text == json.dumps(table("zh"), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def test_a_browser_that_speaks_chinese_is_answered_in_it(shown: Shown) -> None:
    for language in ("zh-CN,zh;q=0.9,en;q=0.8", "fr,zh"):
        text = shown.page("/keys", headers={"accept-language": language}).text
        assert '<html lang="zh"' in text
        assert "<h1>密钥</h1>" in text
    assert "<h1>Keys</h1>" in shown.page("/keys", headers={"accept-language": "fr"}).text
