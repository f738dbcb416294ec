"""One run of a suite in its own pytest, and the mock server some of it talks to."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conformance.suites import Group

Results = dict[str, dict[str, Any]]
"""By test id: outcome, error, requests."""

STEADY = "@stdy/cli@0.22.2"
ARRAYS = ["query-array", "form-array", "query-object", "form-object"]
PLUGIN = Path(__file__).parent / "plugin"


def run(
    folder: Path,
    group: Group,
    extra: Sequence[str] = (),
    *,
    mock: str | None,
    workers: int,
    tests: Sequence[str] = (),
) -> Results:
    """Outcomes of *group* (or *tests* of it) in the suite at *folder*; the output goes to a file there."""
    results = folder / "results.json"
    command = [sys.executable, "-m", "pytest", "-p", "conformance_plugin", "-q", "-n", str(workers)]
    command += ["-o", "faulthandler_timeout=0", "--timeout=30", "-r", "", *extra]
    command += [f"--ignore={path}" for path in group.ignored]
    with (folder / "output.txt").open("w", encoding="utf-8") as output:
        subprocess.run(
            command + list(tests or [path for path in group.paths if (folder / path).exists()]),
            cwd=folder,
            env={**_environment(results, mock), **group.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if not results.exists():
        raise SystemExit((folder / "output.txt").read_text(encoding="utf-8")[-3000:])
    return json.loads(results.read_bytes())


def _environment(results: Path, mock: str | None) -> dict[str, str]:
    """No key or setting of this machine; the plugin, and where it writes."""
    own = ("OPENAI_", "ANTHROPIC_", "AWS_", "AZURE_", "MUXI_LLM_", "PYTEST_", "COV_")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(own) and not name.endswith(("_API_KEY", "_BASE_URL"))
    }
    environment |= {"CONFORMANCE_RESULTS": str(results), "PYTHONPATH": str(PLUGIN)}
    return environment | ({"CONFORMANCE_MOCK": mock} if mock else {})


@contextmanager
def mock_server(cache: Path) -> Iterator[str | None]:
    """The URL of a server made from OpenAI's API description; `None` where it cannot be had."""
    description, npm = SHARED / "fixtures" / "openai-openapi.yml", shutil.which("npm")
    if npm is None or not description.is_file():
        missing = "npm" if npm is None else f"{description} (see MUXI_LLM_SHARED)"
        print(f"SKIPPED LOUDLY: no {missing}, so no mock server", file=sys.stderr)  # noqa: T201
        yield None
        return
    steady = cache / "node_modules" / ".bin" / "steady"
    if not steady.exists():
        options = ["--silent", "--no-audit", "--no-fund", "--prefix", str(cache)]
        subprocess.run([npm, "install", *options, STEADY], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(steady), "--host", "127.0.0.1", "-p", str(port), "-q"]
    command += [f"--validator-{kind}-format=brackets" for kind in ARRAYS]
    server = subprocess.Popen([*command, str(description)], stdout=subprocess.DEVNULL)
    try:
        _await_health(f"http://127.0.0.1:{port}/_x-steady/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _await_health(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
        if server.poll() is not None:
            break
    raise SystemExit("the mock server did not start")
