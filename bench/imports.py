"""What starting costs, in an interpreter that holds nothing of ours: the import, and the first answer."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

HEAVY: Final = (
    "openai",
    "anthropic",
    "httpx2",
    "httpx",
    "httpcore2",
    "pyreqwest",
    "aiohttp",
    "requests",
    "urllib3",
    "litellm",
    "tiktoken",
    "botocore",
)
# row → module, and what is taken from it at once: names may load only when asked for
IMPORTS: Final = {
    "sys": ("sys", "m"),
    "muxi_llm": ("muxi_llm", "m"),
    "muxi_llm.ChatCompletion": ("muxi_llm", "m.ChatCompletion"),
    "muxi_llm.OpenAI": ("muxi_llm", "m.OpenAI"),
    "openai": ("openai", "m.OpenAI"),
    "anthropic": ("anthropic", "m.Anthropic"),
    "litellm": ("litellm", "m.completion"),
    "httpx2": ("httpx2", "m.Client"),
    "pyreqwest": ("pyreqwest.client", "m.SyncClientBuilder"),
}

_CHAT: Final = '[{"role": "user", "content": "hello"}]'
# contender → module, and the first call a user would write after importing it
FIRST: Final = {
    "muxi": ("muxi_llm", f'm.ChatCompletion.create(model="openai/gpt-4", messages={_CHAT})'),
    "dropin": ("muxi_llm", f'm.OpenAI().chat.completions.create(model="gpt-4", messages={_CHAT})'),
    "muxi-fast": ("muxi_llm", f'm.ChatCompletion.create(model="openai/gpt-4", messages={_CHAT})'),
    "muxi-httpx2": ("muxi_llm", f'm.ChatCompletion.create(model="openai/gpt-4", messages={_CHAT})'),
    "dropin-fast": ("muxi_llm", f'm.OpenAI().chat.completions.create(model="gpt-4", messages={_CHAT})'),
    "dropin-httpx2": ("muxi_llm", f'm.OpenAI().chat.completions.create(model="gpt-4", messages={_CHAT})'),
    "openai": ("openai", f'm.OpenAI().chat.completions.create(model="gpt-4", messages={_CHAT})'),
    "litellm": ("litellm", f'm.completion(model="openai/gpt-4", messages={_CHAT})'),
}

PROBE: Final = """
import sys, time
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
begun = time.process_time()
import {module} as m
{touch}
import_ms = (time.process_time() - begun) * 1e3
loaded, import_mb = set(sys.modules), resident()
if "{module}" != "sys" and m.__spec__.origin is None:
    sys.exit("not importable: {module} is an empty directory")
begun = time.process_time()
reply = {call}
first_ms = (time.process_time() - begun) * 1e3
said = "" if reply is None else reply.choices[0].message.content
import json
print(json.dumps(dict(
    import_ms=import_ms, first_ms=first_ms, start_ms=import_ms + first_ms, modules=len(loaded), said=said,
    rss_mb=import_mb, first_rss_mb=resident(), heavy=[name for name in {heavy} if name in loaded])))
"""


def probe(module: str, touch: str, call: str, python: str, env: dict[str, str], cwd: str) -> dict[str, Any]:
    """One import, and one call unless it is "None", in a process of its own."""
    code = PROBE.format(module=module, touch=touch, call=call, heavy=HEAVY)
    done = subprocess.run(
        [python, "-c", code], env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1][:200]}
    sample: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return sample
