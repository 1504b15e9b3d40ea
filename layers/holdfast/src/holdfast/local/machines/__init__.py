"""Machines of a control plane in Linux namespaces, for tests, the demo and the bench; for nothing that matters."""
