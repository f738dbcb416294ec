"""`muxi-llm client`: the settings to paste, so that a client asks the gateway."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of `client`."""
    parser.add_argument("name", choices=SETTINGS, help="the client")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where the gateway is")
    parser.add_argument("--model", default="MODEL", help="a model of the gateway's")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Print them, the token as a variable: secrets are not for screens."""
    url = given.url.rstrip("/").removesuffix("/v1")
    if not url.startswith(("http://", "https://")) or any(mark in given.url + given.model for mark in ODD):
        print("muxi-llm: --url wants http://host:port, and neither it nor --model quotes", file=sys.stderr)
        return 2
    print(SETTINGS[given.name].format(url=url, model=given.model))
    return 0


ODD = ('"', "'", "\\", "\n", "`", "$")
"""What would mean something where it is pasted."""

# https://code.claude.com/docs/en/llm-gateway-connect
CLAUDE = """\
# in the shell, or as "env" in ~/.claude/settings.json
export ANTHROPIC_BASE_URL="{url}"
export ANTHROPIC_AUTH_TOKEN="$GATEWAY_TOKEN"
export ANTHROPIC_MODEL="{model}"
export CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY=1"""

# https://developers.openai.com/codex/config-reference: a provider of one's own is asked by POST at once.
CODEX = """\
# ~/.codex/config.toml; the token is read from GATEWAY_TOKEN
model = "{model}"
model_provider = "gateway"

[model_providers.gateway]
name = "gateway"
base_url = "{url}/v1"
env_key = "GATEWAY_TOKEN"
wire_api = "responses\""""

# https://github.com/openai/openai-python#configuring-the-http-client
OPENAI = """\
export OPENAI_BASE_URL="{url}/v1"
export OPENAI_API_KEY="$GATEWAY_TOKEN"
# and model="{model}" in each call"""

# https://docs.anthropic.com/en/api/client-sdks
ANTHROPIC = """\
export ANTHROPIC_BASE_URL="{url}"
export ANTHROPIC_API_KEY="$GATEWAY_TOKEN"
# and model="{model}" in each call"""

SETTINGS = {"claude": CLAUDE, "codex": CODEX, "openai": OPENAI, "anthropic": ANTHROPIC}
