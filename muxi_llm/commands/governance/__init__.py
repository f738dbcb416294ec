"""Commands that manage a gateway: keys, teams, users, organizations, budgets, spend, audit. They ask its API.

Reading order: `asking` (the API, and how a command ends) → `shown` (tables) → `fields` (options → fields) →
`records` (what may be done to a record, whichever it is) → a file for each command.
"""
