"""Use-cases. They know contracts and pure decisions, never an adapter; wiring/ puts the two together."""
