"""What the nodes say against a restore."""

from collections.abc import Iterator, Mapping

from holdfast.drivers.needs import lacks_tools
from holdfast.models.cluster import ClusterSpec
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestoreFacts
from holdfast.planning.quorum import Tally, tally
from holdfast.planning.restore_nodes import WITH_FILES
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen, expected, node_names

# Old data, new data and the fetched file lie side by side for a while.
TIMES = 3
# etcd preallocates its log in files of 64 MB, two of them.
LOG_BYTES = 128 * 1000**2


def unreachable(spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    """A node that cannot be stopped may go on with the old data, so every one has to answer; not one that was a worker
    when the backup was made."""
    reasons = {failure.endpoint: f"{failure.code}: {failure.message}" for failure in seen.failures}
    silent = [node for node in node_names(spec, seen) if seen.survey_of(node) is None or node not in seen.facts]
    away = [node for node in silent if not backup.was_worker(node)]
    if away:
        yield Finding(
            level="refuse",
            code="node_unreachable",
            text="; ".join(f"{node}: {reasons.get(node, 'it did not answer')}" for node in away),
            hint="Bring it back. A node that is gone for good: take it out of the cluster file first.",
        )


def root(seen: RestoreSeen) -> Iterator[Finding]:
    names = [survey.node for survey in seen.surveys if not survey.root]
    if names:
        yield Finding(
            level="refuse",
            code="node_not_root",
            text=f"commands do not run as root on {', '.join(names)}",
            hint="Give the user of the transport sudo without a password, or use root.",
        )


def unfinished(seen: RestoreSeen) -> Iterator[Finding]:
    found = {node: facts.unfinished for node, facts in seen.facts.items() if facts.unfinished}
    if found:
        runs = sorted({run for each in found.values() for run in each})
        yield Finding(
            level="refuse",
            code="unfinished_restore",
            text="; ".join(f"{node} still has manifests aside of {', '.join(each)}" for node, each in found.items()),
            hint=f"End that first: holdfast restore resume {runs[0]}, or abort when it is not past its point of no "
            "return. If that run is gone, move the manifests back into the static pod folder by hand.",
        )


def layouts(seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest) -> Iterator[Finding]:
    reasons = {
        survey.node: reason
        for survey in seen.surveys
        if (reason := _unknown(survey, seen.facts.get(survey.node), backup, request))
    }
    shapes = [expected(request.mode, survey, backup) for survey in seen.surveys]
    if reasons:
        told = "; ".join(f"{node}: {reason}" for node, reason in reasons.items())
    elif not any(shape.etcd for shape in shapes):
        told = "none of the nodes has an etcd member, now or in the backup"
    elif not any(shape.apiserver for shape in shapes):
        told = "none of the nodes has an API server, and all of them have to be stopped before etcd is restored"
    else:
        return
    yield Finding(
        level="refuse",
        code="layout_unknown",
        text=told,
        hint="Put etcd's and the API server's manifests back, name all control-plane nodes in the cluster file, or use "
        "mode full or new-hosts with a backup that was made through the nodes.",
    )


def _unknown(survey: NodeSurvey, facts: RestoreFacts | None, backup: ChosenBackup, request: ChangeRequest) -> str:
    shape, brings_files = expected(request.mode, survey, backup), request.mode in WITH_FILES
    pods = None if facts is None or brings_files else {pod.container for pod in facts.pods}
    if facts and facts.unread:
        return f"{', '.join(facts.unread)}: which containers it has cannot be told, so nobody could stop them"
    return _unknown_etcd(survey, shape, facts, pods, backup) or _unknown_api(shape, pods)


def _unknown_etcd(
    survey: NodeSurvey, shape: NodeSurvey, facts: RestoreFacts | None, pods: set[str] | None, backup: ChosenBackup
) -> str:
    """`pods` are the containers of the manifests that are there; None where a bundle brings others."""
    before = backup.survey_of(survey.node)
    if shape.etcd is None:
        lost = before is not None and before.etcd is not None
        return shape.etcd_problem or ("it had an etcd member when the backup was made, and has none" if lost else "")
    if not shape.etcd.peer_urls:
        return "etcd's flags name no URL for its peers"
    if not shape.etcd.container and facts and not facts.unit:
        return "etcd is a process of the host, and of no systemd unit"
    if facts and facts.wal_dir:
        return f"etcd keeps its log in {facts.wal_dir}, and only a data directory as a whole is exchanged"
    if shape.etcd.container and pods is not None and "etcd" not in pods:
        return "the manifest of etcd is not in the folder of static pods"
    return ""


def _unknown_api(shape: NodeSurvey, pods: set[str] | None) -> str:
    """One that is left running would write while the data are replaced, and serve the old ones afterwards."""
    server = shape.apiserver
    if server is None:
        return ""
    if pods is not None and "kube-apiserver" not in pods:
        return "the manifest of its API server is not in the folder of static pods"
    if not (server.url and server.ca and server.client_cert and server.client_key):
        return "the API server's flags do not tell its address and a client's certificate"
    return ""


def mode_fits(seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest) -> Iterator[Finding]:
    shapes = [expected(request.mode, survey, backup) for survey in seen.surveys]
    members = [shape.etcd for shape in shapes if shape.etcd]
    if request.mode == "one-first" and any(not member.container for member in members):
        yield Finding(
            level="refuse",
            code="mode_unsupported",
            text="one-first changes etcd's manifests, and here etcd runs by systemd",
            hint="Use mode etcd: all members at once.",
        )
    elif request.mode == "one-first" and len(members) == 1:
        yield Finding(
            level="info",
            code="one_member",
            text="there is one member only: one-first does the same as etcd here",
        )
    if request.mode == "new-hosts":
        told = [f"{member.name}={','.join(member.peer_urls)}" for member in members]
        yield Finding(
            level="info",
            code="addresses_must_match",
            text=f"the new hosts need the names and addresses of the old ones: {'; '.join(told)}",
            hint="Certificates and manifests in the bundle hold them.",
        )


def etcd_tools(seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest) -> Iterator[Finding]:
    reasons: dict[str, str] = {}
    for survey in seen.surveys:
        shape, facts = expected(request.mode, survey, backup), seen.facts.get(survey.node)
        if shape.etcd and facts and not facts.etcd_tool:
            where = f"the image {shape.etcd.image}" if shape.etcd.container and shape.etcd.image else "root's PATH"
            reasons[survey.node] = f"no etcdutl or etcdctl that restores in {where}"
        packed = backup.manifest.snapshot.compression
        if shape.etcd and packed not in survey.tools:
            reasons[survey.node] = f"it has no {packed}, and the snapshot is packed with it"
        fetches = shape.etcd or (request.mode in WITH_FILES and backup.bundle_of(survey.node))
        if fetches and (missing := lacks_tools(survey)):
            reasons[survey.node] = missing
    if reasons:
        yield Finding(
            level="refuse",
            code="tool_missing",
            text="; ".join(f"{node}: {reason}" for node, reason in reasons.items()),
            hint="Install it there; an image is fetched by `crictl pull IMAGE`, etcd's tools may also lie on the PATH.",
        )


def disks(seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest) -> Iterator[Finding]:
    need = TIMES * backup.manifest.snapshot.raw_size + LOG_BYTES
    short = {
        survey.node: facts.data_free
        for survey in seen.surveys
        if expected(request.mode, survey, backup).etcd
        if (facts := seen.facts.get(survey.node)) and facts.data_free < need
    }
    if short:
        yield Finding(
            level="refuse",
            code="restore_disk_short",
            text="; ".join(f"{node} has {free} bytes free beside etcd's data" for node, free in short.items())
            + f"; {need} are needed",
            hint="Make room there: the old data are kept beside the new. *.holdfast-* of earlier restores may go.",
        )


def healthy(seen: RestoreSeen) -> Iterator[Finding]:
    if seen.etcd is None:
        return
    now: Tally = tally(seen.etcd)
    if now.has_quorum:
        yield Finding(
            level="refuse",
            code="cluster_healthy",
            text=f"the cluster is healthy ({now}): a restore takes it back to the moment of the backup, and what was "
            "written since is lost",
            hint="One member that is lost is replaced: holdfast member replace. To go back all the same: "
            "--allow cluster_healthy.",
        )


def strangers(seen: RestoreSeen) -> Iterator[Finding]:
    known = {name for survey in seen.surveys for name in (survey.node, survey.hostname)}
    known |= {survey.etcd.name for survey in seen.surveys if survey.etcd}
    names = sorted({member.name for member in seen.member_list() if member.name} - known)
    if names:
        yield Finding(
            level="warn",
            code="nodes_missing",
            text=f"etcd has members on nodes that the cluster file does not name: {', '.join(names)}",
            hint="They will not be part of the restored cluster, and nothing stops them: see that they are off.",
        )


def workers(seen: RestoreSeen, facts: Mapping[str, RestoreFacts]) -> Iterator[Finding]:
    """Without a bump, revisions that were given once are given again."""
    if any(survey.etcd and not facts[survey.node].tool_bumps for survey in seen.surveys if survey.node in facts):
        yield Finding(
            level="warn",
            code="revisions_repeat",
            text="etcd's tool here cannot raise the revision: kubelets and controllers that watch may miss changes",
            hint="Restart the kubelets of all workers, and operators in the cluster, after the restore.",
        )
