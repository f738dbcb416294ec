"""The document the gateway serves of itself: it is one, it tells of every path, and whatever fits it is answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

from muxi_llm.gateway.doors import DOORS
from muxi_llm.gateway.openapi_tables import OPERATIONS
from muxi_llm.gateway.own import OWN, own
from muxi_llm.gateway.stored import about_of
from tests.gateway.test_app import saying
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.length import long
from tests.support.speakers.base import Said
from tests.support.upstream import Received, Respond, Upstream
from tests.support.world import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
MODELS = {"/v1/rerank": ["jina"], "/v1/embeddings": ["openai", "jina"]}
"""Whom to ask where not everybody is."""
MADE = {"authorization": "Bearer s3cret"}


def provider(received: Received) -> Respond:
    """A provider of any wire that answers whatever it is asked: what it would refuse is not the question."""
    path, asked = received.path.partition("?")[0], received.json if received.body[:1] == b"{" else {}
    kind = "anthropic" if path.endswith("/messages") else "google" if "enerateContent" in path else "openai"
    if kind == "google" and "IMAGE" in asked.get("generationConfig", {}).get("responseModalities", ()):
        drawn = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
        return Respond(json={"candidates": [{"content": {"parts": [drawn]}, "finishReason": "STOP"}]})
    if kind != "openai" or path.endswith("/chat/completions"):
        return saying(kind, Said())(received)
    if path.endswith("/rerank"):
        ranked = [{"index": index, "relevance_score": 0.5} for index, _ in enumerate(asked["documents"])]
        return Respond(json={"results": ranked})
    if path.endswith("/moderations"):
        given = asked["input"]
        is_one = isinstance(given, str) or isinstance(given[0], dict)
        verdicts = [bodies.verdict(hate=0.5)] * (1 if is_one else len(given))
        return Respond(json={"id": "modr-1", "model": "m", "results": verdicts})
    return answer(received)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Each kind of provider, and names that lead to them."""
    with Upstream(provider) as upstream:
        kinds = ("openai", "anthropic", "google", "jina", "")
        places = [(at(upstream, kind), deployment(f"{kind or 'own'}/m", kind or "own")) for kind in kinds]
        with Served(settings_of(*places, tokens={"app": "s3cret"}), lax=True) as gateway:
            yield gateway


def document(served: Served) -> Any:
    return httpx2.get(f"{served.url}/openapi.json").json()


def test_it_tells_of_every_path_and_of_no_other(served: Served) -> None:
    told = {place.replace(" /v1", " ") for place in OPERATIONS}
    assert {f"POST {path}" for path in DOORS} | {f"{method} {path}" for method, path in OWN} <= told
    for place in told:
        method, _, path = place.partition(" ")
        path = re.sub("{.*?}", "x", path)
        is_there = path in DOORS or own(method, path) or about_of(method, path)
        assert is_there or path.startswith(("/health", "/openapi"))
    assert httpx2.get(f"{served.url}/v1/openapi.json").json() == document(served)


def test_who_may_read_what(served: Served) -> None:
    paths = document(served)["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            url = served.url + re.sub("{.*?}", "x", path)
            status = httpx2.request(method, url, json={} if method == "post" else None).status_code
            assert (status == 401) == bool(operation["security"]), (method, path)
    with Served(settings_of()) as free:
        assert not any(one["security"] for ones in document(free)["paths"].values() for one in ones.values())


@pytest.mark.parametrize("place", OPERATIONS)
def test_whatever_fits_the_document_is_answered(served: Served, place: str) -> None:
    """Whatever is asked: no crash, no status beyond what the provider said, errors in their shape."""
    schema = schemathesis.openapi.from_dict(document(served))
    method, _, path = place.partition(" ")
    cases = schema[path][method].as_strategy()

    @settings(
        max_examples=long(300, 8),
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=cases, model=st.sampled_from(MODELS.get(path, ["openai", "anthropic", "google", "own"])))
    def fits(case: Any, model: str) -> None:
        if isinstance(case.body, dict) and "model" in case.body:
            case.body["model"] = model
        case.call_and_validate(
            base_url=served.url,
            headers=MADE,
            checks=[not_a_server_error, schemathesis.checks.response_schema_conformance],
        )

    fits()
