"""The one place that knows every adapter; stores.py has what depends on where a cluster keeps its objects."""

from holdfast.wiring.services import AwsServices

__all__ = ["AwsServices"]
