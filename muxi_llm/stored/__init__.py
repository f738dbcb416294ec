"""Files and batches: what is kept at a provider between two calls, and how its ids find their way home."""
