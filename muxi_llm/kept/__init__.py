"""Responses kept for providers that keep none: `store`, then `responses` (how a turn goes on from one) and
`requests` (retrieve, delete, list).
"""
