"""Who may, and how much is left: keys, teams, budgets, limits, spend and audit. It meets the gateway where a
request is admitted and where it is settled, and nowhere else.

Reading order: `store.schema` (what is kept, and all words of it), `windows`, `budgets` and `prices` (pure),
`store.money` and `store.ledger` (the same in rows), `spool` and `writer` (receipts on their way there),
`governor` (whom the gateway asks).
"""
