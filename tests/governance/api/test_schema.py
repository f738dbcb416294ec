"""The management API does what its OpenAPI document says, whatever it is asked."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.support.length import long
from tests.support.managed import Managed

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_every_operation_answers_as_it_says(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    with Managed(store) as managed:
        managed.peopled()
        schema = schemathesis.openapi.from_url(f"{managed.url}/management/openapi.json")
        headers = {"x-api-key": managed.keys["machine"]}
        tried = 0
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=long(100, 4),
                phases=[Phase.generate],
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def answers(case: schemathesis.Case) -> None:
                case.call_and_validate(headers=headers, checks=CHECKS)

            answers()
            tried += 1
        assert tried > 45
    store.close()
