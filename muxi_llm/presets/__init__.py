"""Presets: model settings as signed data, `.mda` files, and the registry they are released through.

Pure parts, which know neither disk nor clock, from the bottom up: `canonical` (JSON, digests), `yaml`
(front matter), `schema` over `schemas`, `source` (a document, a preset), `network` (`requires.network`);
then `keys`, `did_web` (a domain's keys), `trust` (policies, signatures) and `sigstore`.
"""
