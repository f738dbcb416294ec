"""Who counts what limits count: this process by itself, or several together.

Reading order: `limits` (what is decided, on what numbers) → `counters` (whom the governor asks) → `shared`
(the exchange with a store, and going on without) → `sqlite_store` (workers of one machine), `redis_store`
(gateways on several) → `choosing`.
"""
