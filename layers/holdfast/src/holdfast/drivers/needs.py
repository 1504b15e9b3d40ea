"""What a node needs so that a snapshot can be taken there; the scripts on nodes check it again."""

from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import OPERATORS

# Either of the last two will do.
_TOOLS = ("curl", "sha256sum", "setsid")
_COMPRESSORS = ("zstd", "gzip")
_RUNTIMES = ("crictl", "ctr", "docker")


def lacks_room(survey: NodeSurvey, expected_bytes: int) -> str:
    """Why the disks are too small, "" when they are not: two times the database for our files, and once where etcdctl
    writes it first when that is another disk."""
    if survey.work_free < 2 * expected_bytes:
        return f"{survey.work_free} bytes are free for our files, {2 * expected_bytes} are needed"
    # OpenShift's script writes it beside our files.
    in_container = survey.etcd is not None and survey.etcd.container and survey.openshift is None
    in_data = in_container and not survey.data_on_work_disk
    if in_data and survey.data_free < expected_bytes:
        return f"{survey.data_free} bytes are free beside etcd's data, {expected_bytes} are needed"
    return ""


def lacks_tools(survey: NodeSurvey) -> str:
    missing = [tool for tool in _TOOLS if tool not in survey.tools]
    if not any(tool in survey.tools for tool in _COMPRESSORS):
        missing.append("zstd or gzip")
    return f"it has no {', '.join(missing)}" if missing else ""


def lacks_etcdctl(survey: NodeSurvey) -> str:
    """For a member in a container its image has etcdctl, and a client of the runtime reaches it."""
    if survey.etcd is None:
        return ""
    if survey.etcd.container:
        return "" if any(tool in survey.tools for tool in _RUNTIMES) else "it has none of crictl, ctr and docker"
    return "" if "etcdctl" in survey.tools else "it has no etcdctl"


def lacks_scripts(survey: NodeSurvey) -> str:
    """What the vendor's backup would miss on a host of OpenShift: itself, or a static pod whose files it packs."""
    if survey.openshift is None or survey.etcd is None:
        return ""
    if survey.openshift.host.generation is None:
        return "it has no /usr/local/bin/cluster-backup.sh"
    missing = [name for name in OPERATORS if f"{name}-pod.yaml" not in survey.openshift.host.manifests]
    return f"it is no whole control-plane host, its static pods lack {', '.join(missing)}" if missing else ""


def why_unusable(survey: NodeSurvey, expected_bytes: int) -> str:
    """Why no snapshot can be taken on that node, "" when it can."""
    if survey.etcd is None:
        return survey.etcd_problem or "it has no etcd member"
    if not survey.root:
        return "commands do not run as root there"
    return lacks_tools(survey) or lacks_etcdctl(survey) or lacks_scripts(survey) or lacks_room(survey, expected_bytes)
