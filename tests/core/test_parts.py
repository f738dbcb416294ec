"""Parts that a provider cannot have: in words that it knows, else left out, never the message with them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from muxi_llm import InvalidRequestError
from muxi_llm.core.adapt import adapt
from muxi_llm.models import Adaptation
from muxi_llm.wire.base import Ledger, Profile
from tests.core import provider_of, request_of
from tests.support.bodies import CALL, HELLO

PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
PLAIN = {"type": "text", "media_type": "text/plain", "data": "Grass is green."}
PNG = {"type": "base64", "media_type": "image/png", "data": "aGk="}
CITED = {"citations": {"enabled": True}}
MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
ALL = {"vision_support": True, "file_input_support": True, "file_url_support": True}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def encoded(said: str, media: str = "text/plain") -> str:
    return f"data:{media};base64,{base64.b64encode(said.encode()).decode()}"


def fitted(*parts: Any, **attributes: Any) -> tuple[Any, list[Adaptation]]:
    """What a provider with these flags is sent of a user's parts, and what was told."""
    ledger = Ledger("weak")
    request = request_of(messages=[{"role": "user", "content": list(parts)}])
    body, _ = adapt(request, provider_of(**attributes), Profile(), ledger)
    return body["messages"][0]["content"], ledger.entries


@pytest.mark.parametrize(
    ("block", "sent"),
    [
        ({"type": "image", "source": PNG}, [IMAGE]),
        (
            {"type": "document", "source": PDF, "title": "T", "context": "C", **CITED},
            [text("C"), file(filename="T", file_data="data:application/pdf;base64,JVBERi0=")],
        ),
        (
            {"type": "document", "source": PDF},
            [file(filename="document.pdf", file_data="data:application/pdf;base64,JVBERi0=")],
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://a.test/a.pdf"}, "title": "T"},
            [file(file_url="https://a.test/a.pdf", filename="T")],
        ),
        ({"type": "document", "source": PLAIN, **CITED}, [text("Grass is green.")]),
        (
            {"type": "document", "source": PLAIN, "title": "T", "context": "C"},
            [text("T\nC\n\nGrass is green.")],
        ),
        (
            {
                "type": "document",
                "source": {"type": "content", "content": [text("Grass"), {"type": "image", "source": PNG}]},
            },
            [text("Grass"), IMAGE],
        ),
        ({"type": "document", "source": {"type": "content", "content": "Grass"}}, [text("Grass")]),
        (
            {"type": "search_result", "source": "https://a.test", "title": "A", "content": [text("Grass")]},
            [text("A\nhttps://a.test\n\nGrass")],
        ),
    ],
    ids=["image", "pdf", "pdf without a title", "url", "text", "titled text", "content", "string", "search"],
)
def test_pitfall_48_anthropics_blocks_in_words_that_others_know(block: Any, sent: Any) -> None:
    """What is in a document arrives; that it is not cited is told as what it is."""
    parts, told = fitted(block, **ALL)
    assert parts == sent
    losses = [entry.param for entry in told if entry.loss]
    assert losses == (["messages[0].content[0].citations"] if "citations" in block else [])
    assert fitted(block, anthropic_blocks_support=True, document_support=True) == ([block], [])


def test_text_arrives_where_there_are_no_files_at_all() -> None:
    block = {"type": "document", "source": PLAIN, **CITED, **MARK}
    assert fitted(block)[0] == [text("Grass is green.")]
    assert fitted(block, cache_control_support=True)[0] == [{**text("Grass is green."), **MARK}]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "container_upload", "file_id": "file_1"},
    ],
    ids=lambda block: block["type"],
)
def test_what_anthropic_keeps_is_left_out_by_its_name(block: Any) -> None:
    parts, told = fitted(block, text("a"), **ALL)
    assert parts == [text("a")]
    assert [str(entry) for entry in told] == [
        f"messages[0].content[0] dropped: weak takes no {block['type']} parts"
    ]


def test_what_is_no_block_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].content\[0\] is no document"):
        fitted({"type": "document"})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (file(file_data=encoded("Grass")), text("document\n\nGrass")),
        (file(file_data=encoded("a,b", "text/csv"), filename="a.csv"), text("a.csv\n\na,b")),
        (file(file_data="data:text/plain,Grass%20is"), text("document\n\nGrass is")),
        (file(file_data=encoded("{}", "Application/JSON")), text("document\n\n{}")),
        (
            file(file_data="data:application/pdf;base64,JVBERi0="),
            file(filename="document.pdf", file_data="data:application/pdf;base64,JVBERi0="),
        ),
        (file(file_data="JVBERi0="), file(filename="document.pdf", file_data="JVBERi0=")),
    ],
    ids=["text", "named", "not base64", "json", "pdf", "bare"],
)
def test_files_as_openais_chat_takes_them(given: Any, sent: Any) -> None:
    """A PDF with a name; text as text, which needs no files at all."""
    parts, told = fitted(given, **ALL)
    assert parts == [sent]
    assert not any(entry.loss for entry in told)
    assert fitted(given, **ALL, document_support=True) == ([given], [])


@pytest.mark.parametrize(
    "part",
    [file(file_id="file-1"), file(file_data="https://a.test/a.pdf"), {"type": "file", "file": "file-1"}],
    ids=["kept", "url", "odd"],
)
def test_files_that_are_elsewhere_stay(part: Any) -> None:
    assert fitted(part, **ALL) == ([part], [])


def test_a_file_that_is_no_base64() -> None:
    with pytest.raises(InvalidRequestError, match="not base64"):
        fitted(file(file_data="data:text/plain;base64,A"))


def result(*parts: Any, **attributes: Any) -> tuple[list[Any], list[Adaptation]]:
    """What a provider with these flags is sent of a tool's result, and what was told."""
    ledger = Ledger("weak")
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": CALL["id"], "content": list(parts)},
    ]
    body, _ = adapt(request_of(messages=messages), provider_of(**attributes), Profile(), ledger)
    return body["messages"][2:], ledger.entries


def test_pitfall_49_a_result_of_pictures_alone_stays_a_result() -> None:
    """Where nobody can see them: a call without a result would end the session."""
    messages, told = result(IMAGE)
    assert [message["role"] for message in messages] == ["tool"]
    assert messages[0]["content"] == "(The result cannot be shown: weak takes no image_url parts.)"
    assert [entry.param for entry in told if entry.loss] == ["messages[2].content[0]"]


def test_a_result_in_parts_is_one_string() -> None:
    """Templates of open models read no other; where they do, or a mark stands on a part, parts stay."""
    parts = [text("a"), text("b")]
    assert result(*parts)[0][0]["content"] == "a\n\nb"
    assert result(*parts, tool_parts_support=True)[0][0]["content"] == parts
    marked = [{**text("a"), **MARK}]
    assert result(*marked)[0][0]["content"] == "a"
    assert result(*marked, cache_control_support=True)[0][0]["content"] == marked


def test_search_results_of_a_tool_are_said() -> None:
    found = {"type": "search_result", "source": "s", "title": "t", "content": [text("Grass")]}
    assert result(found)[0][0]["content"] == "t\ns\n\nGrass"
