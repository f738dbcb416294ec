"""Who asks, and whether they may: decided here for every route, by the path of the route that was found."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from fastapi import Depends, Request

from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.refusals import refused
from muxi_llm.governance.roles import ADMIN, NOTHING, READS, WRITES, Actor
from muxi_llm.governance.store.audit import Asked, Told
from muxi_llm.types.admission import stranger, tokens_in

if TYPE_CHECKING:
    from muxi_llm.governance.store.bootstrap import Bootstrap
    from muxi_llm.governance.store.people import People
    from muxi_llm.governance.store.records import Records

BOOTSTRAP = "x-llmux-bootstrap-token"
FIRST = "key/generate"
"""The one operation that the bootstrap token is for."""

LONGEST = 200
"""Characters of what a client says of itself that are kept."""


class Viewers(Protocol):
    """Who is logged in, by what their browser sends."""

    def viewer_of(self, request: Request) -> Actor | None:
        """Whose browser it is. Raises a refusal of 403 where another site's page made it ask."""


class Asking:
    """Knows who asks."""

    def __init__(
        self, records: Records, people: People, bootstrap: Bootstrap, viewers: Viewers | None = None
    ) -> None:
        self._records, self._people, self._bootstrap, self._viewers = records, people, bootstrap, viewers

    def __call__(self, request: Request) -> Asked:
        """Who asks. Raises a refusal of 401 for who is not known, of 403 for who may not."""
        operation = request.scope["route"].path.strip("/")
        asked = self._asked(request, operation)
        if asked.reach == NOTHING:
            why = "your key or role may not do that"
            if operation in WRITES:
                self._records.tell(asked, Told(operation.partition("/")[0], "", error=why))
            raise refused(403, why, "forbidden")
        return asked

    def _asked(self, request: Request, operation: str) -> Asked:
        told: dict[str, Any] = {
            "ip": request.client.host if request.client else "",
            "agent": request.headers.get("user-agent", "")[:LONGEST],
            "request_id": request.headers.get("x-request-id", "")[:LONGEST] or secrets.token_hex(16),
            "uri": request.url.path[:LONGEST],
        }
        tokens = tokens_in(request.headers)
        if tokens:
            actors = (self._people.of_key(hash_of(token)) for token in tokens)
            actor = next((actor for actor in actors if actor is not None), None)
            if actor is None:
                raise refused(401, "the API key is not known here, or may not be used", "invalid_api_key")
            return Asked(actor, operation, "key", **told)
        first = request.headers.get(BOOTSTRAP, "")
        if first:
            if operation != FIRST or not self._bootstrap.is_good(first):
                raise refused(401, "the bootstrap token is over, or not for that", "invalid_bootstrap_token")
            return Asked(Actor(ADMIN), operation, "bootstrap", name=hash_of(first), **told)
        viewer = None if self._viewers is None else self._viewers.viewer_of(request)
        if viewer is None:
            raise stranger(request.headers)
        return Asked(viewer, operation, "session", **told)


def rights_of(actor: Actor) -> list[str]:
    """The operations that *actor* may ask for at all."""
    return [operation for operation in sorted({*READS, *WRITES}) if Asked(actor, operation).reach != NOTHING]


def asked(request: Request) -> Asked:
    """Who asks, as was found for the route."""
    found: Asked = request.state.asked
    return found


By = Annotated[Asked, Depends(asked)]
