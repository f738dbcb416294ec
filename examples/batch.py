"""Ask a whole file of prompts; stopped or killed, it goes on where it was.

Shows:      muxi-llm batch run: forms of a line, the results, failures, what a second run does
Exercises:  muxi_llm/commands/batch.py, muxi_llm/harness/batch/run.py
Run:        python examples/batch.py    (OPENAI_API_KEY)
Offline:    python -m examples.offline examples/batch.py
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from muxi_llm import cli

PROMPTS = [
    "What is the capital of Chile?",
    {"custom_id": "peru", "prompt": "What is the capital of Peru?", "temperature": 0.2},
    {"custom_id": "cuba", "messages": [{"role": "user", "content": "What is the capital of Cuba?"}]},
    {"custom_id": "odd", "question": "What is the capital of Spain?"},
]

with TemporaryDirectory() as folder:
    prompts, results = Path(folder, "prompts.jsonl"), Path(folder, "results.jsonl")
    prompts.write_text("".join(f"{json.dumps(prompt)}\n" for prompt in PROMPTS), encoding="utf-8")

    # In a shell: muxi-llm batch run prompts.jsonl -o results.jsonl --model openai/gpt-5.6-luna
    command = ["batch", "run", str(prompts), "-o", str(results), "--model", "openai/gpt-5.6-luna", "--quiet"]
    print("exit status", cli.main(command))
    for line in sorted(results.read_text(encoding="utf-8").splitlines()):
        result = json.loads(line)
        if result["error"]:
            print(f"{result['custom_id']} failed: {result['error']['message']}")
        else:
            print(f"{result['custom_id']}: {result['response']['body']['choices'][0]['message']['content']}")

    # What has a result is not asked again; --retry-failed would ask the odd one.
    size = results.stat().st_size
    cli.main(command)
    print("nothing new:", results.stat().st_size == size)
