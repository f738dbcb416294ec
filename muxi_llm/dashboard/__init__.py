"""Pages over the management API: server-made, with the viewer's own rights, and no state but the session.

Reading order: `app` (which pages there are, and what stands around each) → `visits` (one request of a
browser: who it is, its language, what it is answered) → `asking` (the API, asked as that viewer) → `pages/`
(a file for what belongs together: what it asks, which template shows it) → `charts`, `shown` (numbers as
pictures and as text) → `words` (English and Chinese).

Rules: a page shows what the API answered and computes nothing of its own; a form does what the API does;
nothing needs a script, and what one adds (`htmx`: pages that keep themselves fresh) is a fragment of the
same page.
"""
