"""The management API: keys, users, teams, organizations, spend, audit and control, over HTTP.

Reading order: `guard` (what any request has to be) → `asking` (who asks, and whether they may) → `keys`,
`teams`, `users`, `organizations`, `spend`, `audit`, `control` (a file a family, in LLMux's paths and words) →
`lists` (what is told) → `app`.
"""
