"""Frozen pydantic values. They import nothing of ours but each other and the errors."""
