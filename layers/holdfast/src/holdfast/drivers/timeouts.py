"""How long commands on nodes may take, in seconds."""

SURVEY_S = 60
# OpenShift's asks its API a dozen questions; none begins later than QUESTIONS_S, and each gives up after 15 s.
OPENSHIFT_SURVEY_S = 120
QUESTIONS_S = 60
ETCD_FACTS_S = 60
BUNDLE_S = 300
RESTORE_FACTS_S = 60
# Waits inside of scripts. kubelet looks at its folder every 20 s and gives a pod 30 s to end; etcd's start probe gives
# it about four minutes; a node that was away is Ready some 40 s after its kubelet.
PODS_S = 300
UNIT_S = 300
ETCD_READY_S = 300
API_READY_S = 300
NODE_READY_S = 600
# A step ends itself before it is ended from outside.
SLACK_S = 60


def vendor_backup_s(size: int) -> int:
    """How long cluster-backup.sh may take: it may have to pull etcd's image, and writes as fast as the disk does."""
    return 600 + 60 * max(1, -(-size // 1024**3))


def snapshot_timeout_s(size: int) -> int:
    """Ten minutes per GiB, ten at least."""
    return 600 * max(1, -(-size // 1024**3))


# What the vendor of OpenShift gives no end. Its scripts wait for each container of a pod in turn; a rollout goes from
# node to node; all operators are stable some fifteen minutes after the last change of a control plane.
VENDOR_S = 1800
RESTORE_POD_S = 600
ROLLOUT_S = 1800
STABLE_S = 2700
STABLE_FOR_S = 300
PODS_BACK_S = 300
OC_S = 300
