"""The drop-in clients: OpenAI's and Anthropic's own, routed at the moment of sending.

Read `openai`, then `resources` (what their calls take besides), `options` (how arguments of ours travel)
and `answers`; `anthropic` with its two is the same for Anthropic's. `module` is the module-level
client.
"""
