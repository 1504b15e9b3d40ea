"""What Holdfast remembers between runs: specs, leases, run records. Losing it loses no backup."""
