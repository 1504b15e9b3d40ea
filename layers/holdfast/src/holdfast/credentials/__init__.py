"""Secrets, by name. A spec names a secret; only an adapter here ever holds its value."""
