"""People log in: by a key, or at an OpenID provider. A login is a session in the store; a browser knows it.

Reading order: `person` (what claims make of somebody, pure) → `provider` (authorization code with PKCE, and
what is held against an ID token) → `sessions` (rows, and when they end) → `logins` (the two ways in, who is
there, out) → `browsers`, `routes` (the same over HTTP).
"""
