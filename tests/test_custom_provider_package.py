"""The example package is installed as any other is, and its provider is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.bodies import chat
from tests.support.patience import LIFETIME
from tests.support.upstream import Respond, Upstream

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "examples" / "custom_provider_package"

CALL = """
import json, sys, warnings
from muxi_llm import ChatCompletion
from muxi_llm.providers import registry
assert "acme" in registry.names() and "muxi_llm_acme" not in sys.modules
with warnings.catch_warnings(record=True):
    warnings.simplefilter("always")
    value = ChatCompletion.create(
        model="acme/rocket-1", messages=[{"role": "user", "content": "Hello"}], temperature=2,
        max_completion_tokens=5,
    )
print(json.dumps([value.choices[0].message.content, value.muxi.model, [a.param for a in value.muxi.adaptations]]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder the package is installed into, without a network."""
    if (
        not (find_spec("pip") and find_spec("setuptools"))
        or int(version("setuptools").partition(".")[0]) < 77
    ):
        pytest.skip("SKIPPED LOUDLY: needs pip, and setuptools from 77 on")
    folder = tmp_path_factory.mktemp("site")
    source = folder / "source"  # setuptools leaves its build beside what it builds
    (source / "muxi_llm_acme").mkdir(parents=True)
    for path in ("pyproject.toml", "muxi_llm_acme/__init__.py"):
        (source / path).write_bytes((PACKAGE / path).read_bytes())
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--target", str(folder / "installed"), str(source)], check=True, timeout=LIFETIME)
    return folder / "installed"


def test_it_is_found_and_called(site: Path) -> None:
    """By entry point alone: nothing of the program names the package."""
    with Upstream() as server:
        server.script = [Respond(json=chat("Hi"))]
        surroundings = {
            **os.environ,
            "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
            "ACME_API_KEY": "k",
            "ACME_BASE_URL": server.url,
        }
        done = subprocess.run(
            [sys.executable, "-c", CALL],
            env=surroundings,
            capture_output=True,
            text=True,
            check=True,
            timeout=LIFETIME,
        )
        (request,) = server.requests
    assert json.loads(done.stdout) == ["Hi", "acme/rocket-1", ["temperature", "max_completion_tokens"]]
    assert request.headers["x-acme-key"] == "k"
    assert "authorization" not in request.headers
    assert request.json == {
        "model": "rocket-1", "messages": [{"role": "user", "content": "Hello"}], "temperature": 1, "max_tokens": 5,
    }  # fmt: skip
