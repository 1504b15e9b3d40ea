"""Use-cases. They know contracts and pure decisions, never an adapter; wiring.py puts the two together."""
