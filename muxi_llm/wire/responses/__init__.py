"""OpenAI's Responses. Outwards: `responses`, `stream`. A client's own: `inbound`, then `inbound_request`,
`inbound_output`, `inbound_stream`. Both directions share `items`.
"""
