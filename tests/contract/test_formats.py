"""Every provider: JSON, schemas and images, natively or by an adaptation that is told."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from muxi_llm import UnsupportedParameterError
from tests.contract.contact import Contact, told
from tests.contract.heard import heard
from tests.support.speakers.base import Said

PERSON = Said(text='{"name": "Zoë", "age": 7}')


class Person(BaseModel):
    """What is asked for."""

    name: str
    age: int


PERSON_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "person", "strict": True, "schema": Person.model_json_schema()},
}


def test_json_mode(contact: Contact) -> None:
    """Natively, or asked for in words."""
    value = contact.ask(PERSON, response_format={"type": "json_object"})
    assert json.loads(heard(value).text) == {"name": "Zoë", "age": 7}
    if contact.kind.json_mode_support:
        assert contact.asked.json
    else:
        assert told(value, "response_format")
        assert "JSON" in contact.asked.words


def _properties(schema: Any) -> dict[str, str]:
    return {name: found["type"].lower() for name, found in schema["properties"].items()}


def test_a_schema(contact: Contact) -> None:
    """Enforced, or given in words."""
    value = contact.ask(PERSON, response_format=PERSON_SCHEMA)
    assert json.loads(heard(value).text) == {"name": "Zoë", "age": 7}
    asked = contact.asked
    if asked.schema is not None:
        assert _properties(asked.schema) == {"name": "string", "age": "integer"}
        assert set(asked.schema["required"]) == {"name", "age"}
    else:
        assert told(value, "response_format")
        assert '"age"' in asked.words


def test_a_supported_schema_is_enforced(quick: Contact) -> None:
    quick.ask(PERSON, response_format=PERSON_SCHEMA)
    assert (quick.asked.schema is not None) is quick.kind.json_schema_support


def test_a_class(contact: Contact) -> None:
    """A Pydantic class comes back as an instance."""
    value = contact.ask(PERSON, response_format=Person)
    assert value.choices[0].message.parsed == Person(name="Zoë", age=7)


# ------------------------------------------------------------------------------------------- images

PIXEL = "data:image/png;base64,iVBORw0KGgo="
REMOTE = "https://example.com/a.png"


def _look(url: str) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


def test_an_image(contact: Contact) -> None:
    """Its bytes, behind the text; or left out, and that is told."""
    value = contact.ask(Said(), messages=_look(PIXEL))
    heard(value)
    if contact.kind.vision_support:
        assert contact.asked.facts == [("user", "Look"), ("image", PIXEL)]
    else:
        assert told(value, "messages[0].content[1]")
        assert contact.asked.facts == [("user", "Look")]


def test_a_remote_image_is_sent_or_told_or_refused(quick: Contact) -> None:
    """It is never fetched here, and never lost in silence."""
    value = quick.ask(Said(), messages=_look(REMOTE))
    if isinstance(value, UnsupportedParameterError):
        assert quick.script.calls == []
        return
    heard(value)
    assert ("image", REMOTE) in quick.asked.facts or told(value, "messages[0].content[1]")
