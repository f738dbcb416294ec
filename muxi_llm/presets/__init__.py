"""Presets: model settings as signed data, `.mda` files, and the registry they are released through.

Pure parts, which know neither disk nor clock: `canonical` (JSON, digests), `yaml` (front matter), `schema`,
`source` (a document, a preset).
"""
