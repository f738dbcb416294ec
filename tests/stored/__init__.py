"""What is kept at a provider between two calls."""
