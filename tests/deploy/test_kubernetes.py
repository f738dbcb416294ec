"""The manifest: what its container runs runs here, and what it asks of it is answered."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import httpx2

from muxi_llm.gateway.serve import GRACE
from muxi_llm.gateway.settings import files
from tests.deploy.files import CONFIG, command, documents, variables
from tests.support.patience import until
from tests.support.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KINDS: dict[str, Any] = {one["kind"]: one for one in documents("kubernetes.yaml")}
POD = KINDS["Deployment"]["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
CONTENT: str = KINDS["ConfigMap"]["data"]["config.yaml"]
KEYS = {"OPENAI_API_KEY": "sk-1", "APP_TOKEN": "s3cret"}
"""What the secret has, by the command on the file's top."""


def test_its_parts_name_each_other() -> None:
    labels = POD["metadata"]["labels"]
    for selector in (
        KINDS["Deployment"]["spec"]["selector"]["matchLabels"],
        KINDS["Service"]["spec"]["selector"],
        KINDS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    (port,) = CONTAINER["ports"]
    assert str(port["containerPort"]) in CONTAINER["args"]
    assert KINDS["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert {CONTAINER[name]["httpGet"]["port"] for name in PROBES} == {port["name"]}
    (volume, state), (mount, kept) = POD["spec"]["volumes"], CONTAINER["volumeMounts"]
    assert state["name"] == kept["name"]
    assert f"{kept['mountPath']}/" in CONTENT
    assert volume["configMap"]["name"] == KINDS["ConfigMap"]["metadata"]["name"]
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    assert CONFIG in CONTAINER["args"]
    assert f"{mount['mountPath']}/config.yaml" == CONFIG
    assert variables(CONTENT) == KEYS.keys()


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def test_it_has_no_rights() -> None:
    pod, own = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    (before,) = POD["spec"]["initContainers"]
    assert before["securityContext"] == own
    assert before["envFrom"] == CONTAINER["envFrom"]
    assert pod == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["spec"]["automountServiceAccountToken"] is False


def test_what_it_runs_answers_its_probes_and_leaves_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONTENT, encoding="utf-8")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings, findings = files.read(config)
    assert not findings
    assert (
        POD["spec"]["terminationGracePeriodSeconds"] > settings.server.pause + settings.server.drain + GRACE
    )
    with Serving(config, command=command(CONTAINER["args"], config)) as served:
        for name in PROBES:
            assert httpx2.get(served.url + CONTAINER[name]["httpGet"]["path"]).status_code == 200
        served.tell(signal.SIGTERM)
        until(
            lambda: httpx2.get(served.url + CONTAINER["readinessProbe"]["httpGet"]["path"]).status_code == 503
        )
        assert httpx2.get(served.url + CONTAINER["livenessProbe"]["httpGet"]["path"]).status_code == 200
        served.tell(signal.SIGINT)
        assert served.ended() == 0
