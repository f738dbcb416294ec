"""HTTP in: OpenAI's and Anthropic's protocols, any provider out. One more face on the core.

Reading order: `settings/` (each dialect → the same frozen `Settings`) → `state` (settings at work: routes,
tokens; a reload makes a new one and swaps one reference) → `app` (the ASGI application: paths → doors) →
`doors` (one request: admitted, exchanged by `inbound`, answered) → `passing` (who gets a body as it came) →
`admission` (who may: `authenticate`, `admit`, `settle`, asked nowhere else) → `refusals`, `requests`.

Rules: no second retry loop, no second translation, no second cache. What the gateway adds is who may, where
to, how much is left, and being there.
"""
