"""The store: SQLite within this process, or PostgreSQL. `schema` (tables), `engine` (how they are reached),
`migrate` (how they came to be).
"""
