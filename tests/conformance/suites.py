"""The suites: where they come from, what of them is run, and the swap of the import lines."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import muxi_llm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Group:
    """Part of a suite. mock: its tests talk to a server made from the API's description."""

    paths: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    mock: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """The tests in the source distribution of *package*, in the version that is installed.

    as_module: files whose `import package` is to be of ours, for what the package does as a module.
    """

    package: str
    groups: Mapping[str, Group] = field(default_factory=dict)
    as_module: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.package}-{version(self.package)}"

    def unpack(self, cache: Path, into: Path) -> Path:
        """A fresh copy of the suite; the archive is downloaded once."""
        archive = cache / f"{self.name}.tar.gz"
        if not archive.exists():
            pinned = f"{self.package}=={version(self.package)}"
            options = ["--quiet", "--no-deps", "--no-binary", self.package, "--dest", str(cache)]
            subprocess.run([sys.executable, "-m", "pip", "download", *options, pinned], check=True)
        with tarfile.open(archive) as packed:
            packed.extractall(into, filter="data")
        return into / self.name

    def names(self) -> list[str]:
        """What we export that stands in for the package's: the same thing, or a subclass of it."""
        original = import_module(self.package)
        return [name for name in muxi_llm.__all__ if _stands_in(name, original)]

    def swap(self, folder: Path) -> int:
        """Take those names from `muxi_llm` in every test below *folder*; how many files changed."""
        names, changed = frozenset(self.names()), 0
        for file in (folder / "tests").rglob("*.py"):
            before = file.read_text(encoding="utf-8")
            after = swapped(before, self.package, names)
            if file.name in self.as_module:
                ours = f"import muxi_llm as {self.package}"
                after = re.sub(rf"^import {self.package}$", ours, after, flags=re.MULTILINE)
            if after != before:
                file.write_text(after, encoding="utf-8")
                changed += 1
        return changed


def _stands_in(name: str, original: object) -> bool:
    ours: Any = getattr(muxi_llm, name)
    theirs: Any = getattr(original, name, None)
    return isinstance(ours, type) and isinstance(theirs, type) and issubclass(ours, theirs)


def swapped(source: str, package: str, names: frozenset[str]) -> str:
    """*source* with `from package import A, B` split by who has the name, and `package.A(...)` made ours.

    Everything else, the package's private modules above all, stays as it is.
    """
    lines = source.splitlines(keepends=True)
    for node in sorted(_nodes(ast.parse(source), package, names), key=_place, reverse=True):
        text = _import(node, package, names) if isinstance(node, ast.ImportFrom) else _class(node)
        first, last = node.lineno - 1, node.end_lineno - 1
        head = lines[first].encode()[: node.col_offset].decode()
        tail = lines[last].encode()[node.end_col_offset :].decode()
        lines[first : last + 1] = [head + text + tail]
    return "".join(lines)


def _nodes(tree: ast.AST, package: str, names: frozenset[str]) -> list[Any]:
    def wanted(node: ast.AST) -> bool:
        match node:
            case ast.ImportFrom(module=module, names=aliases, level=0):
                return module == package and any(alias.name in names for alias in aliases)
            case ast.Attribute(value=ast.Name(id=name), attr=attr, ctx=ast.Load()):
                return node in called and name == package and attr in names
        return False

    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [node for node in ast.walk(tree) if wanted(node)]


def _place(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _import(node: ast.ImportFrom, package: str, names: frozenset[str]) -> str:
    parts = []
    for module, wanted in (("muxi_llm", True), (package, False)):
        chosen = [ast.unparse(alias) for alias in node.names if (alias.name in names) is wanted]
        if chosen:
            parts.append(f"from {module} import {', '.join(chosen)}")
    return "; ".join(parts)


def _class(node: ast.Attribute) -> str:
    return f"__import__('muxi_llm').{node.attr}"


def _under(folder: str, names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names.split())


OPENAI = Suite(
    "openai",
    {
        "core": Group(
            _under(
                "tests/api_resources",
                "chat responses test_responses.py test_completions.py test_embeddings.py test_models.py audio "
                "test_images.py test_files.py test_moderations.py test_batches.py test_uploads.py uploads "
                "test_vector_stores.py vector_stores fine_tuning test_containers.py containers "
                "test_conversations.py conversations test_realtime.py realtime test_videos.py",
            ),
            mock=True,
        ),
        # Once more where the client is left to make its own HTTP client, which is our own transport.
        "transport": Group(
            _under("tests/api_resources", "chat test_completions.py test_embeddings.py test_models.py"),
            mock=True,
            environment={"OPENAI_TEST_HTTP_CLIENT": "default"},
        ),
        # Left out: tests about the package's repository, and of WebSockets, browsers and certificates,
        # which no request of ours comes near.
        "client": Group(
            _under(
                "tests",
                "test_auth.py test_client.py test_client_runtime_bindings.py test_data_residency_contract.py "
                "test_data_residency_regressions.py test_debug_logging.py test_environment_credentials.py "
                "test_extract_files.py test_files.py test_httpx2.py test_httpx2_base.py "
                "test_httpx2_decompression.py test_httpx2_respx.py test_httpx_compat.py "
                "test_large_payload_contract.py test_lazy_imports.py test_legacy_response.py "
                "test_log_levels.py test_models.py test_module_client.py test_multipart_encoding.py "
                "test_qs.py test_request_body_routing_order.py test_required_args.py test_response.py "
                "test_retry_after_overflow.py test_sse_framing.py test_status_error_messages.py "
                "test_stream_mode.py test_streaming.py test_transform.py test_union_parsing.py "
                "test_usage_cache_write.py lib/chat lib/responses lib/streaming lib/test_audio.py "
                "lib/test_azure.py lib/test_azure_auth.py lib/test_azure_deployment_path.py "
                "lib/test_azure_provider_diagnostics.py lib/test_azure_redirects.py "
                "lib/test_azure_request_credentials.py lib/test_bedrock.py lib/test_bedrock_provider.py "
                "lib/test_bedrock_runtime.py lib/test_decisions_tool_runner.py "
                "lib/test_embedding_request_context.py lib/test_embeddings.py lib/test_old_api.py "
                "lib/test_pydantic.py lib/test_request_credentials.py lib/test_responses_tool_runner.py "
                "lib/test_runner_idempotency.py lib/test_runner_server_tools.py lib/test_streaming_deltas.py "
                "lib/test_vertex_provider.py",
            ),
        ),
    },
    as_module=("test_module_client.py",),
)
ANTHROPIC = Suite(
    "anthropic",
    {
        # Its API description is no longer published, so there is nothing for `api_resources` to talk to.
        "client": Group(("tests",), ignored=("tests/api_resources", "tests/test_detect_breaking_changes.py")),
    },
)
SUITES = {suite.package: suite for suite in (OPENAI, ANTHROPIC)}
