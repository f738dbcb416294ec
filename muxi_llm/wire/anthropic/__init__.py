"""Anthropic Messages. Outwards: `messages`, then `request` with `parts`, `tools` and `thinking`, `reply`,
`stream`. A client's own: `inbound`, then `inbound_request`, `inbound_reply`, `inbound_stream`: the inverses.
"""
