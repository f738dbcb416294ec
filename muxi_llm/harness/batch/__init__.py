"""Large batches, asked from this machine: a file of prompts in, a file of answers out, as often as it takes.

    lines.jobs  →  run.Batch: a fixed number of workers pull  →  ask  →  journal.Journal: a line for each

Reading order: `lines` says what a line of the input asks, `journal` keeps what is over, `run` has the work.

Rules: nothing is lost and nothing is asked twice. What is over has its line in the output before the next
request is begun; a run that was killed goes on from there, and only what was under way then is asked
again. A line is known by its `custom_id` and a digest of its request, without one by the digest alone: it
may stand elsewhere in the next run's input. Equal requests are asked once. However long the input, only
what is under way is in memory; which lines there are is in an index on disk, made anew by each run.
"""

from muxi_llm.harness.batch.journal import Journal
from muxi_llm.harness.batch.lines import Job, jobs
from muxi_llm.harness.batch.run import Batch

__all__ = ["Batch", "Job", "Journal", "jobs"]
