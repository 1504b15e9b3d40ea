"""Cluster specs for tests: a valid one, and the same with something changed."""

from typing import Any

from holdfast.models.cluster import ClusterSpec


def cluster_spec(cluster_id: str = "prod-1", **changes: Any) -> ClusterSpec:
    """`changes` replace whole top-level fields, given as a YAML file would hold them."""
    fields: dict[str, Any] = {
        "id": cluster_id,
        "driver": "kubeadm",
        "transport": {
            "kind": "etcd",
            "endpoints": ["https://10.0.0.1:2379", "https://10.0.0.2:2379"],
            "credentials": f"holdfast/{cluster_id}/etcd",
        },
        "schedule": {"cron": "0 3 * * *", "timezone": "Europe/Berlin"},
    }
    return ClusterSpec.model_validate(fields | changes)
