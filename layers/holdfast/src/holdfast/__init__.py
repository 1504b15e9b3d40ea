"""Holdfast: backup and restore of Kubernetes control planes, from outside the clusters."""

__version__ = "0.1.0"
