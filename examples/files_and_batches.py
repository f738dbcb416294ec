"""Hundreds of questions at half the price, answered within a day: OpenAI's batches, by any provider.

Shows:      File and Batch: upload, begin, poll, results row by row, what a line lost, a bad line's number
Exercises:  muxi_llm/file.py, muxi_llm/batch.py, muxi_llm/stored/operations.py
Run:        python examples/files_and_batches.py    (ANTHROPIC_API_KEY)
Offline:    python -m examples.offline examples/files_and_batches.py
"""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from muxi_llm import Batch, File, InvalidRequestError

PROVIDER = "anthropic"  # or openai, azure, google, vertex, bedrock, mistral, groq, together
COUNTRIES = ("Chile", "Peru", "Cuba")
UNDER_WAY = {"validating", "in_progress", "finalizing", "cancelling"}


def line(country: str, **more: object) -> str:
    """A line of OpenAI's batches."""
    question = {"role": "user", "content": f"What is the capital of {country}?"}
    body = {"model": "claude-haiku-4-5", "messages": [question], **more}
    return json.dumps({"custom_id": country, "method": "POST", "url": "/v1/chat/completions", "body": body})


with TemporaryDirectory() as folder:
    path = Path(folder, "questions.jsonl")
    path.write_text("\n".join([*map(line, COUNTRIES), line("Spain", stream=True)]), encoding="utf-8")
    try:
        File.create(path, "batch", provider=PROVIDER)
    except InvalidRequestError as error:  # before anything is sent
        print(error.message)

    path.write_text("\n".join(map(line, COUNTRIES)), encoding="utf-8")
    file = File.create(path, "batch", provider=PROVIDER)
    print("the id says whose it is:", file.id.startswith(f"{PROVIDER}/"))

    batch = Batch.create(file.id)
    for adaptation in batch.muxi.adaptations:
        print("adapted:", adaptation)
    while batch.status in UNDER_WAY:
        time.sleep(0.1)  # a minute, of a real one
        batch = Batch.retrieve(batch.id)
    print(batch.status, batch.request_counts.completed, "of", batch.request_counts.total)

    for row in Batch.results(batch.id):
        print(row["custom_id"], "-", row["response"]["body"]["choices"][0]["message"]["content"])
    File.content(batch.output_file_id).stream_to_file(Path(folder, "answers.jsonl"))
    print("lines in the file:", Path(folder, "answers.jsonl").read_bytes().count(b"\n"))
    print("deleted:", File.delete(file.id).deleted)
