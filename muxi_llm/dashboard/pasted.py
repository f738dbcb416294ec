"""What is pasted so that a client asks the gateway: for coding agents, for SDKs, and for one request of one's
own. The token is a variable everywhere: secrets are not for screens.
"""

from __future__ import annotations

import json
from shlex import quote
from typing import NamedTuple

ODD = ('"', "'", "\\", "\n", "`", "$")
"""What would mean something where it is pasted."""


class Client(NamedTuple):
    """Whose settings, where they go, and what they are."""

    title: str
    where: str
    text: str


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

CLIENTS = {
    "claude": Client("Claude Code", "In the shell, or as env in ~/.claude/settings.json", CLAUDE),
    "codex": Client("Codex", "In ~/.codex/config.toml", CODEX),
    "openai": Client("OpenAI's SDKs", "In the environment of the program", OPENAI),
    "anthropic": Client("Anthropic's SDKs", "In the environment of the program", ANTHROPIC),
}


def settings(client: str, url: str, model: str) -> str:
    """A client's settings, for the gateway at *url*. Raises `ValueError` for what cannot be pasted."""
    url = url.rstrip("/").removesuffix("/v1")
    if not url.startswith(("http://", "https://")) or any(mark in url + model for mark in ODD):
        raise ValueError("the address is http://host:port, and neither it nor the model has quotes")
    return CLIENTS[client].text.format(url=url, model=model)


PYTHON = """\
import os

from openai import OpenAI

client = OpenAI(base_url={url}, api_key=os.environ["GATEWAY_TOKEN"])
answer = client.chat.completions.create(
    model={model},
    messages={messages},
)
print(answer.choices[0].message.content)"""

CURL = """\
curl {url} \\
  -H "Authorization: Bearer $GATEWAY_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d {body}"""


def program(url: str, body: dict[str, object]) -> dict[str, str]:
    """A chat request as code, by language. What people wrote is quoted as each has it: a string of JSON is
    one of Python's.
    """
    told = {name: json.dumps(body[name], ensure_ascii=False) for name in ("model", "messages")}
    return {
        "Python": PYTHON.format(url=json.dumps(f"{url}/v1"), **told),
        "curl": CURL.format(
            url=quote(f"{url}/v1/chat/completions"), body=quote(json.dumps(body, ensure_ascii=False))
        ),
    }
