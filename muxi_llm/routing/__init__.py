"""Which deployment, and why: pure.

Reading order: `deployments` (what may be asked, and what a request needs of it) → `facts` (what is known of
each by now) → `strategies` (who comes first) → `router` (all of it: ordered candidates, and why each other
deployment is not among them) → `affinity`, `windows`, `cooling` (its parts).

Rules: the time and chance are given, never asked for; facts belong to a deployment, never to whoever asks;
what an attempt teaches comes from the harness's passage around it (`Facts.enter`, `leave`), and from nowhere
else. Nothing here is locked: whoever shares a router between threads has the lock (`muxi_llm.routes`).
"""
