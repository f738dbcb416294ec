"""The live suite: the same scenarios against the real service, once, and from its recording ever after.

`make live PROVIDER=groq` (or `python -m tests.live groq`), with the provider's key in its variable, runs
every scenario against the service and keeps what was said in `tests/cassettes/live/groq/`, without keys,
cookies and names of accounts. `test_replay.py` runs the scenarios on what is there with the network off, on
both faces. A provider is `tier = "verified"` if, and only if, it has such a folder.
"""
