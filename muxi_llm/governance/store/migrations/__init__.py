"""Alembic's folder: `env` runs the steps of `versions`."""
