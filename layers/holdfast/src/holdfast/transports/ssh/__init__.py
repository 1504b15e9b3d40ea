"""Commands over SSH."""
