"""How long commands on nodes may take, in seconds."""

SURVEY_S = 60
ETCD_FACTS_S = 60
BUNDLE_S = 300


def snapshot_timeout_s(size: int) -> int:
    """Ten minutes per GiB, ten at least."""
    return 600 * max(1, -(-size // 1024**3))
