"""What speaks against a backup of an OpenShift cluster, or is worth saying (docs/reference/preflight.md).

The API's answers come through every host; the fullest of them counts, as all API servers have the same objects.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from holdfast.drivers import node_findings as checks
from holdfast.drivers.needs import lacks_scripts
from holdfast.facts.openshift_release import generation_of
from holdfast.models.etcd import EtcdFacts
from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import OPERATORS, OpenShiftCluster
from holdfast.models.plan import Finding

# Certificates that a new cluster begins with are valid for a day; a backup from before their rotation is of no use.
TOO_YOUNG = timedelta(hours=24)
# Of the condition Encrypted, once nothing is rewritten any more (openshift/library-go: operator/encryption).
_SETTLED = ("", "EncryptionCompleted", "DecryptionCompleted", "EncryptionDisabled")
_MIGRATING = ("EncryptionInProgress", "DecryptionInProgress")
# Infrastructure.status.controlPlaneTopology; releases before 4.8 have no such field, and none but the first kind.
TOPOLOGIES = ("", "HighlyAvailable", "HighlyAvailableArbiter", "SingleReplica", "DualReplica")
_INSTALLED = (
    "etcd's operator installs its scripts with its pod: see `oc get co etcd`, and /etc/kubernetes/manifests there."
)
_FORCE = "`holdfast backup run ID --force` skips that check; such a backup may not be restorable."


def node_findings(surveys: tuple[NodeSurvey, ...], facts: EtcdFacts, now: datetime) -> tuple[Finding, ...]:
    cluster = told_cluster(surveys)
    found = (
        *checks.root(surveys),
        *checks.disks(surveys, facts),
        *checks.tools(surveys),
        *checks.etcd_tools(surveys),
        *checks.lacking(surveys, lacks_scripts, "openshift_script_missing", _INSTALLED),
        *checks.not_asked(surveys),
        *checks.clocks(surveys),
        *checks.unsurveyed(surveys, facts),
        *_generations(surveys),
        *(cluster_findings(cluster, now) if cluster else ()),
        *_operators_known(surveys, cluster),
        *checks.key_services(surveys),
        *checks.compressors(surveys),
    )
    return checks.in_order(found)


def told_cluster(surveys: tuple[NodeSurvey, ...]) -> OpenShiftCluster | None:
    """The answer with the fewest gaps; of equals the first one's by node."""
    views = (survey.openshift for survey in sorted(surveys, key=lambda each: each.node) if survey.openshift)
    told = [view.cluster for view in views if view.cluster]
    return min(told, key=lambda cluster: (not cluster.version, len(cluster.unanswered)), default=None)


def cluster_findings(cluster: OpenShiftCluster, now: datetime) -> Iterator[Finding]:
    yield from _topology(cluster)
    yield from _age(cluster, now)
    yield from _operators(cluster)
    yield from _encryption(cluster)
    yield from _upgrade(cluster)
    yield from _members(cluster)
    yield from _nodes(cluster)
    yield from _guard(cluster)
    yield from _unanswered(cluster)
    yield from _proxy(cluster)


def _topology(cluster: OpenShiftCluster) -> Iterator[Finding]:
    if cluster.topology not in TOPOLOGIES:
        external = cluster.topology == "External"
        yield Finding(
            level="refuse",
            code="openshift_topology_unsupported",
            text=f"the control plane's topology is {cluster.topology}"
            + (": it runs in another cluster, and its etcd too" if external else ", which is not known here"),
            hint="Back up the cluster that hosts it." if external else "See `oc get infrastructure cluster -o yaml`.",
        )


def _age(cluster: OpenShiftCluster, now: datetime) -> Iterator[Finding]:
    """By the ClusterVersion, which is there from the first minutes of an installation on."""
    if cluster.created_at and now - cluster.created_at < TOO_YOUNG:
        hours = max(0, (now - cluster.created_at) // timedelta(hours=1))
        yield Finding(
            level="refuse",
            code="openshift_cluster_too_young",
            text=f"the cluster is {hours} h old: until its certificates are first rotated, 24 h after installation, a "
            "backup holds such as expire soon",
            hint=f"Back it up from {cluster.created_at + TOO_YOUNG:%Y-%m-%d %H:%M} UTC on.",
        )


def _operators(cluster: OpenShiftCluster) -> Iterator[Finding]:
    moving = [each.name for each in cluster.operators if each.progressing == "True"]
    if moving:
        yield Finding(
            level="refuse",
            code="openshift_progressing",
            text=f"a rollout is in progress: {', '.join(moving)}; a backup might mix two revisions",
            hint=f"See `oc get co {' '.join(moving)}`, and try again when none is progressing. {_FORCE}",
            passes=True,
        )
    ill = [each.name for each in cluster.operators if each.degraded == "True" or each.available == "False"]
    if ill:
        yield Finding(
            level="warn",
            code="openshift_operator_degraded",
            text=f"degraded or not available: {', '.join(ill)}",
            hint=f"See `oc describe co {' '.join(ill)}`.",
        )


def _operators_known(surveys: tuple[NodeSurvey, ...], cluster: OpenShiftCluster | None) -> Iterator[Finding]:
    """From 4.6 on the script refuses then by itself; before, it does not look."""
    views = [survey.openshift for survey in surveys if survey.openshift]
    known = {each.name for each in cluster.operators if each.progressing in ("True", "False")} if cluster else set()
    if not views or known >= set(OPERATORS):
        return
    words = sorted({view.silence for view in views if view.silence})
    why = f" ({'; '.join(words)[:300]})" if words else "" if all(view.host.has_oc for view in views) else " (no oc)"
    yield Finding(
        level="refuse" if any(view.host.can_force for view in views) else "warn",
        code="openshift_operators_unknown",
        text=f"whether a rollout is in progress is not known of {', '.join(sorted(set(OPERATORS) - known))}: "
        f"no API server told it{why}",
        hint=f"See whether an API server runs on one of the hosts. {_FORCE}",
    )


def _encryption(cluster: OpenShiftCluster) -> Iterator[Finding]:
    for each in cluster.encryption:
        if each.reason in _MIGRATING:
            yield Finding(
                level="refuse",
                code="openshift_encryption_migrating",
                text=f"{each.server} is rewriting what it encrypts ({each.reason}: {each.message[:200]}): a backup "
                "would be partly encrypted",
                hint=f"Wait until its condition Encrypted says {_SETTLED[1]} or {_SETTLED[2]}.",
                passes=True,
            )
        elif each.reason not in _SETTLED:
            yield Finding(
                level="warn",
                code="openshift_encryption_unclear",
                text=f"the encryption of {each.server} is in a state that is not known here: {each.reason}",
                hint=f"See `oc get {each.server} -o yaml`, condition Encrypted: no migration should be running.",
            )


def _upgrade(cluster: OpenShiftCluster) -> Iterator[Finding]:
    """No reason to refuse: it is also True for hours while workers restart, long after the control plane is done."""
    if cluster.progressing == "True":
        yield Finding(
            level="warn",
            code="openshift_upgrading",
            text=f"the cluster is on its way to {cluster.version or 'another release'}: a restore wants the very "
            "release that the backup was made with",
            hint="Take another backup when `oc get clusterversion` shows no progress any more.",
        )


def _members(cluster: OpenShiftCluster) -> Iterator[Finding]:
    if cluster.members_available not in ("", "True"):
        yield Finding(
            level="warn",
            code="openshift_members_unavailable",
            text=f"the operator does not have all members: {cluster.members_message or cluster.members_available}",
            hint="`holdfast member status ID` says which, and what can be done.",
        )


def _nodes(cluster: OpenShiftCluster) -> Iterator[Finding]:
    away = [each.name for each in cluster.nodes if each.ready not in ("", "True") or each.unreachable]
    if away:
        yield Finding(
            level="warn",
            code="openshift_node_not_ready",
            text=f"control-plane nodes that are not Ready: {', '.join(away)}",
            hint="`holdfast member status ID` says what can be done.",
        )


def _guard(cluster: OpenShiftCluster) -> Iterator[Finding]:
    if cluster.guard_off:
        yield Finding(
            level="warn",
            code="openshift_guard_off",
            text="etcd's operator is told to accept an unsafe number of members: the quorum can be lost in a rollout",
            hint="Unless a restore or a replacement is under way: oc patch etcd/cluster --type=merge "
            '-p \'{"spec": {"unsupportedConfigOverrides": null}}\'',
        )


def _unanswered(cluster: OpenShiftCluster) -> Iterator[Finding]:
    if cluster.unanswered:
        yield Finding(
            level="warn",
            code="openshift_unanswered",
            text=f"the API did not answer everything: {'; '.join(cluster.unanswered)[:600]}",
            hint="What these would have told was not checked.",
        )


def _proxy(cluster: OpenShiftCluster) -> Iterator[Finding]:
    if cluster.proxy:
        yield Finding(
            level="info",
            code="openshift_proxy",
            text="the cluster has a proxy: the backup script gets its settings, in case that it pulls etcd's image",
        )


def _generations(surveys: tuple[NodeSurvey, ...]) -> Iterator[Finding]:
    views = {survey.node: survey.openshift for survey in surveys if survey.openshift}
    found = {node: view.host.generation for node, view in views.items() if view.host.generation}
    if len(set(found.values())) > 1:
        told = ", ".join(f"{node} has those of {generation}" for node, generation in sorted(found.items()))
        yield Finding(
            level="warn",
            code="openshift_generations_mixed",
            text=f"the hosts have scripts of different releases: {told}",
            hint="An upgrade may be under way; etcd's operator installs them with its pod.",
        )
    cluster = told_cluster(surveys)
    version = cluster.version if cluster else ""
    wanted = generation_of(version)
    other = sorted(node for node, generation in found.items() if wanted and generation != wanted)
    if other:
        yield Finding(
            level="warn",
            code="openshift_scripts_differ",
            text=f"the cluster has release {version}, and the scripts on {', '.join(other)} are those of another one",
            hint="Compare /usr/local/bin/cluster-backup.sh there with what the release brings: it may be an old copy.",
        )
