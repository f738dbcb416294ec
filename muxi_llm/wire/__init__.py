"""How to talk: pure codecs, both directions; a folder for each family, a file for each verb.

Read `base` first, then a family: `openai`, the pivot, then `anthropic`, the richest. What families share
lies here: `sse` and `jsonl` cut bytes, `event_decoder` is the loop of streams, `requesting`, `reading` and
`json_schema` have rules for bodies, `vectors` those for embeddings; `passthrough` carries a client's own
wire as it is.
"""
