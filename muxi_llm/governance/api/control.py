"""`/control/*`: the gateway at work. What changes it is an entry in the audit log like any other change, and
reaches every worker and every gateway of the same store by its feed (`Snapshot.heard`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Protocol

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from muxi_llm.errors import MuxiLLMError
from muxi_llm.governance.api.asking import By
from muxi_llm.governance.bodies import Body
from muxi_llm.governance.refusals import absent, refused
from muxi_llm.governance.store.audit import Told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.governance.store.records import Records

    Data = Mapping[str, Any]


class Gateway(Protocol):
    """A gateway at work, as it tells of itself: plain data, from any thread. `deployment` is a name."""

    def deployments(self) -> Sequence[Data]:
        """Each of them, its facts, and whether it cools down."""

    def providers(self) -> Sequence[Data]:
        """Each of them, its models, and what is under way at it."""

    def models(self) -> Sequence[Data]:
        """What may be asked for, who serves it, and for how much."""

    def live(self) -> Sequence[Data]:
        """Requests under way."""

    def explain(self, body: dict[str, Any]) -> Data:
        """Where a request with that body would go, and why nowhere else. Raises what the request would."""

    def releases(self) -> Data:
        """The releases of the presets' registry; of none where there is no registry."""

    def difference(self, before: str, after: str) -> Data:
        """What makes a release another than one before it. Raises a refusal for what is no release."""

    def activate(self, revision: str) -> None:
        """Serve a release that is there. Raises a refusal, and changes nothing, for one that may not be."""

    def config(self) -> Data:
        """The configuration: where from, its checksum, what it says, without secrets."""

    def cool(self, deployment: str, seconds: float) -> None:
        """Leave it alone for so long; 0: no more."""

    def reload(self) -> bool:
        """Read the configuration again; whether it can be used."""


class Cool(Body):
    """deployment_id: its name."""

    deployment_id: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    cooldown_seconds: Annotated[float, Field(gt=0, le=30 * 86400, allow_inf_nan=False)] = 60.0


class Release(Body):
    """deployment_id: its name."""

    deployment_id: Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Reload(Body):
    """expected_checksum: of the configuration at work; another one has been put there if it differs."""

    expected_checksum: Annotated[str, StringConstraints(max_length=128)] | None = None


Revision = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Activate(Body):
    """revision: of a release that is there."""

    revision: Revision


class Control:
    """What may be asked of it."""

    def __init__(self, records: Records, gateway: Gateway) -> None:
        self._records, self._gateway = records, gateway

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/control", tags=["control"])
        router.get("/deployments")(self.deployments)
        router.post("/deployments/cooldown")(self.cooldown)
        router.post("/deployments/release")(self.release)
        router.get("/providers")(self.providers)
        router.get("/models")(self.models)
        router.get("/live")(self.live)
        router.post("/explain")(self.explain)
        router.get("/presets")(self.presets)
        router.get("/presets/diff")(self.difference)
        router.post("/presets/activate")(self.activate)
        router.get("/config")(self.config)
        router.post("/config/reload")(self.reload)
        return router

    def deployments(self, by: By) -> dict[str, Any]:  # noqa: ARG002 - who may is asked
        """Each deployment, how it does, and whether it cools down."""
        return {"data": self._gateway.deployments()}

    def cooldown(self, by: By, body: Cool) -> dict[str, Any]:
        """Leave a deployment alone for a while."""
        return self._cool(by, body.deployment_id, body.cooldown_seconds)

    def release(self, by: By, body: Release) -> dict[str, Any]:
        """Leave it alone no more."""
        return self._cool(by, body.deployment_id, 0.0)

    def providers(self, by: By) -> dict[str, Any]:  # noqa: ARG002
        """Each provider, its models, and what is under way at it."""
        return {"data": self._gateway.providers()}

    def models(self, by: By) -> dict[str, Any]:  # noqa: ARG002
        """What may be asked for, who serves it, and for how much."""
        return {"data": self._gateway.models()}

    def live(self, by: By) -> dict[str, Any]:  # noqa: ARG002
        """Requests under way at this worker."""
        return {"data": self._gateway.live()}

    def explain(self, by: By, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Where a request (the body as it would be sent) would go, and why each other deployment would not be
        asked. Nothing is sent, and whether a key may ask for the model is not looked at.
        """
        return dict(self._gateway.explain(body))

    def presets(self, by: By) -> dict[str, Any]:  # noqa: ARG002
        """The releases of the presets' registry, the newest first; which is active, and who signed it."""
        return dict(self._gateway.releases())

    def difference(self, by: By, before: Revision, after: Revision) -> dict[str, Any]:  # noqa: ARG002
        """What makes a release another than one before it: presets added, removed, and changed, by path."""
        return {"before": before, "after": after, **self._gateway.difference(before, after)}

    def activate(self, by: By, body: Activate) -> dict[str, Any]:
        """Serve a release that is there; one before the active one, to go back. What may not be served (it is
        damaged, or older than what the trust policy lets be) changes nothing, and is told with 409.
        """
        before = {"revision": self._gateway.releases()["active"]}
        try:
            self._gateway.activate(body.revision)
        except MuxiLLMError as error:
            why = str(getattr(error, "message", error))
            self._records.tell(by, Told("release", body.revision, error=why))
            raise
        after = {"revision": body.revision}
        self._records.tell(by, Told("release", body.revision, before=before, after=after))
        return dict(self._gateway.releases())

    def config(self, by: By) -> dict[str, Any]:  # noqa: ARG002
        """The configuration at work, without secrets."""
        return dict(self._gateway.config())

    def reload(self, by: By, body: Reload) -> dict[str, Any]:
        """Read the configuration again. One that cannot be used changes nothing, and is told with 409."""
        known = self._gateway.config()
        if body.expected_checksum not in {None, known["checksum"]}:
            raise refused(
                409, "another configuration is at work than you expect", "conflict", "expected_checksum"
            )
        if not self._gateway.reload():
            self._records.tell(by, Told("config", known["path"], error="it cannot be used"))
            raise refused(409, "the configuration cannot be used; the log says why", "bad_configuration")
        self._records.tell(
            by, Told("config", known["path"], after={"checksum": self._gateway.config()["checksum"]})
        )
        return dict(self._gateway.config())

    def _cool(self, by: By, deployment: str, seconds: float) -> dict[str, Any]:
        if not any(one["deployment"]["id"] == deployment for one in self._gateway.deployments()):
            raise absent("deployment", deployment, "deployment_id")
        self._records.tell(by, Told("deployment", deployment, after={"cooldown_seconds": seconds}))
        self._gateway.cool(deployment, seconds)
        found = next(one for one in self._gateway.deployments() if one["deployment"]["id"] == deployment)
        return {"deployment_id": deployment, **{name: found[name] for name in COOLED}}


COOLED = ("cooldown_until", "cooldown_active")


def heard(gateway: Gateway, row: Mapping[Any, Any]) -> None:
    """An entry of the feed that tells gateways what to do: another one, or another worker, was asked."""
    if not row["success"]:
        return
    if row["object_type"] == "deployment":
        gateway.cool(row["object_id"], row["after"]["cooldown_seconds"])
    elif row["object_type"] == "config" and row["after"]["checksum"] != gateway.config()["checksum"]:
        gateway.reload()
