"""Pages that are written when the documents are built, from what they are about: mkdocs runs `on_files`.

The providers come from the registry, parameters and settings from the code, the decision notes and the
changelog from their files. Some are kept in this folder too, for who reads them there: `python docs/pages.py`
writes these.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

from muxi_llm.commands.providers import markdown, provider_rows
from muxi_llm.providers import registry
from muxi_llm.providers.catalog import ROWS
from muxi_llm.types import common

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[1]
OWN = sorted({*registry.NATIVE, *ROWS})
"""The providers that come with this package."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Mkdocs' own event: the folder's files, and ours in their places."""
    for path, content in pages().items():
        if (there := files.get_file_from_path(path)) is not None:
            files.remove(there)
        files.append(File.generated(config, path, content=content))
    return files


def pages() -> dict[str, str]:
    """By path below the documents' folder."""
    return {
        "providers/index.md": providers(),
        **{f"providers/{row['name']}.md": provider(row) for row in provider_rows(OWN)},
        "reference/parameters.md": parameters(),
        "reference/settings.md": settings(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        "decisions.md": decisions(),
    }


def kept() -> dict[str, str]:
    """Those that are in the repository as they are on the site, but for links to pages that are not."""
    own = pages()
    names = ("providers/index.md", "reference/parameters.md", "reference/settings.md")
    return {name: re.sub(r"\[(`\w+`)\]\([^)]*\w+\.md\)", r"\1", own[name]) for name in names}


# -------------------------------------------------------------------------------------- providers


def providers() -> str:
    """The table, each name a link."""
    table = re.sub(r"^\| `(\w+)`", r"| [`\1`](\1.md)", markdown(), flags=re.MULTILINE)
    return f"{PROVIDERS}\n{table}\n"


def provider(row: dict[str, Any]) -> str:
    """One of them: how to reach it, what it has, and what it cannot be asked."""
    kind = registry.find(row["name"])
    assert kind is not None
    return "\n".join([f"# {row['name']}", "", *_about(kind, row), "", *_how(row), *_limits(kind)]) + "\n"


def _about(kind: Any, row: dict[str, Any]) -> Iterator[str]:
    if why := getattr(kind, "closed", ""):
        yield f"**Closed**: {why}\n"
    elif "`" not in (said := inspect.cleandoc(kind.__dict__.get("__doc__") or "").partition("\n\n")[0]):
        yield URL.sub(r"<\1>", said) + "\n"
    yield "| | |\n|---|---|"
    keys = ", ".join(f"`{name}`" for name in row["key"])
    yield f"| key | {keys or 'none'}{'' if row['key_required'] else ' (optional)'} |"
    yield f"| several keys, by turns | {', '.join(f'`{name}`' for name in kind.keys_env) or 'none'} |"
    yield f"| address | `{row['base_url']}`; other: {', '.join(f'`{name}`' for name in kind.base_url_env)} |"
    for setting, names in kind.settings_env.items():
        variables = ", ".join(f"`{name}`" for name in names) or "in the program alone"
        yield f"| {setting.replace('_', ' ')} | {variables}, `muxi_llm.{row['name']}_{setting}` |"
    yield f"| protocol | {row['wire']} |"
    yield f"| endpoints | {', '.join(row['endpoints'])} |"
    yield f"| a chat takes | {', '.join(row['capabilities']) or 'text'} |"
    yield f"| tier | {row['tier']} |"


def _how(row: dict[str, Any]) -> Iterator[str]:
    if "chat" in row["endpoints"] and row["tier"] != "closed":
        yield f'```sh\nmuxi-llm ask -m {row["name"]}/MODEL "Hello"\n```'
    if "models" in row["endpoints"] and row["tier"] != "closed":
        yield f"\n`muxi-llm models {row['name']}` lists its models."


def _limits(kind: Any) -> Iterator[str]:
    said = [*(f"`{old}` is sent as `{new}`" for old, new in kind.renames.items())]
    said += [f"`{name}` is left out: {why}" for name, why in kind.drops.items()]
    said += [f"`{name}` is always `{value}`" for name, value in kind.forces.items()]
    if said:
        yield "\n## What is changed on the way\n\nEach time it is told on `response.muxi.adaptations`.\n"
        yield "\n".join(f"- {line}" for line in said)


# ------------------------------------------------------------------------- parameters and settings


def parameters() -> str:
    """Every parameter of the faces, by its table."""
    lines = [PARAMETERS]
    for title, table in TABLES.items():
        lines += [
            f"\n## {title}\n",
            inspect.cleandoc(table.__doc__ or ""),
            "",
            "| parameter | type |",
            "|---|---|",
        ]
        own = {name: kind for name, kind in table.__annotations__.items() if name not in _inherited(table)}
        lines += [f"| `{name}` | {_type(kind)} |" for name, kind in own.items()]
    return "\n".join(lines) + "\n"


def _inherited(table: Any) -> set[str]:
    """Names of the tables that this one has whole."""
    names = table.__annotations__.keys()
    return {
        name
        for other in TABLES.values()
        if other.__annotations__.keys() < names
        for name in other.__annotations__
    }


def _type(kind: Any) -> str:
    text = getattr(kind, "__forward_arg__", None) or str(kind)
    return f"`{text.removesuffix(' | None')}`".replace("|", "\\|")


def settings() -> str:
    """Every setting there is: of calls, of the providers, of the environment."""
    config = inspect.cleandoc((ROOT / "muxi_llm" / "config.py").read_text(encoding="utf-8").split('"""')[1])
    lines = [
        SETTINGS,
        "",
        config.replace("::\n", "\n\n```text", 1).rpartition("\n\n")[0],
        "```",
        "",
        PER_PROVIDER,
    ]
    for row in provider_rows(OWN):
        kind = registry.find(row["name"])
        assert kind is not None
        names = (*kind.key_env, *kind.keys_env, *kind.base_url_env)
        more = (name for found in kind.settings_env.values() for name in found)
        lines.append(f"| [`{row['name']}`](../providers/{row['name']}.md) | {_listed((*names, *more))} |")
    return "\n".join(lines) + "\n"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# ------------------------------------------------------------------------------------ other files


def decisions() -> str:
    """Why it is made as it is."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    notes = text.partition("\n## Decision notes\n")[2].partition("\n## ")[0]
    return f"# Decision notes\n\nWhy it is made as it is, in the order in which it was decided.\n{notes}"


# ------------------------------------------------------------------------------------------ tables

URL = re.compile(r"(https?://[^ )]*[^ ).])")

TABLES: dict[str, Any] = {
    "How a call goes": common.Options,
    "Where it goes": common.CallParams,
    "Chat": common.ChatParams,
    "Completions": common.CompletionParams,
    "Embeddings": common.EmbeddingParams,
}

PROVIDERS = """\
# Providers

`muxi-llm providers` prints what follows and which of them are configured here, `muxi-llm models groq` what a provider
serves. A key in parentheses is optional. Every base URL can be replaced: `GROQ_BASE_URL`, or `base_url=`; OpenAI's includes
`/v1`, Anthropic's does not, as with the vendors' own clients.

*verified*: the live suite ran against the service, and its recordings run with every test; *community*: written by the
service's documentation; *closed*: the service is no more, its name works with a base URL of yours. A provider that chats but
has no completions endpoint answers `Completion` through chat, and says so.

Any OpenAI-compatible server works without a row: `ChatCompletion.create(model="openai/my-model",
base_url="http://127.0.0.1:8000/v1", api_key="none", ...)`. See [a provider of your own](../guides/custom.md).
"""

PARAMETERS = """\
# Parameters

Everything a call can be told, in one list. An unknown keyword is a `TypeError` that names the nearest one; what a provider
has not is [adapted](../guides/adaptation.md), and told. What the provider alone knows goes in `provider_options`.
"""

SETTINGS = """\
# Settings

Everything that can be set, in one list: here, then [by provider](#by-provider), and for a single call its
[parameters](parameters.md). The gateway has [its own file](../gateway.md).
"""

PER_PROVIDER = """\
| variable | what |
|---|---|
| `MUXI_LLM_TRANSPORT` | `auto`, `httpx2`, `fast` or `direct` |
| `MUXI_LLM_LOG` | `debug` shows each attempt on stderr, `wire` the bodies too |
| `MUXI_LLM_MODEL` | the model of `muxi-llm ask` and `chat`, several to fall back on |
| `LLMIX_CONFIG_DIR` | where `preset=` is looked up |
| `LLMIX_STATE_DIR` | where the kill switch and batches are kept |
| `XDG_STATE_HOME` | where chats are kept |
| `MUXI_LLM_GATEWAY_URL`, `MUXI_LLM_ADMIN_KEY` | the gateway that `muxi-llm keys`, `spend` and the others manage, and by which key |
| `DATABASE_URL` | the gateway's database, where its configuration names none |
| `REDIS_URL` | the shared cache |
| `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`, `SSL_CERT_DIR` | [the network](../networks.md) |

## By provider

Each variable is an attribute of the package too: `muxi_llm.groq_api_key`, `muxi_llm.groq_keys`, `muxi_llm.groq_base_url`,
`muxi_llm.azure_api_version`.

| provider | variables |
|---|---|"""


if __name__ == "__main__":
    for path, content in kept().items():
        (Path(__file__).parent / path).write_text(content, encoding="utf-8")
