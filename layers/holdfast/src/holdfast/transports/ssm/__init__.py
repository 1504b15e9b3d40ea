"""Commands through AWS Systems Manager."""
