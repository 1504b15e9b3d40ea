"""Whether a backup of OpenShift belongs to this very release of this very cluster: the vendor restores no other."""

from collections.abc import Iterator

from holdfast.models.node import NodeSurvey
from holdfast.models.plan import Finding
from holdfast.planning.openshift_hosts import cluster_of, generation_of_all, host_of, hosts
from holdfast.planning.openshift_versions import same_z_stream
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen
from holdfast.planning.version_watch import told_release


def generations(seen: RestoreSeen) -> Iterator[Finding]:
    found = {survey.node: host_of(survey).generation for survey in hosts(seen)}
    if found and generation_of_all(hosts(seen)) is None:
        yield Finding(
            level="refuse",
            code="openshift_hosts_differ",
            text="the hosts have the vendor's scripts of different releases: "
            + "; ".join(f"{node}: {generation} or later" for node, generation in found.items()),
            hint="An upgrade is half done. A restore needs one release on all hosts, and a backup of it.",
        )


def versions(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    """Where no API server tells the version, or in an upgrade the one that is wanted, the images of etcd and of the API
    server do, by their digests: no two releases have both in common [inf]; so unequal ones are no proof of the
    contrary, and a person may know better."""
    made, now = backup.manifest.source.platform_version, told_release(seen.surveys)
    same = same_z_stream(made, now)
    if same:
        return
    if same is False:
        yield Finding(
            level="refuse",
            code="openshift_version_differs",
            text=f"the backup is of OpenShift {made}, and the cluster is {now}",
            hint="A restore needs the very same release. Choose a backup that was made after the upgrade: "
            "holdfast backup list shows them.",
        )
    elif not _same_images(seen, backup):
        yield Finding(
            level="refuse",
            code="openshift_version_unknown",
            text=f"the backup is of OpenShift {made or '(not told)'}, and the cluster's version is "
            f"{now or _not_known(seen)}; the images on the hosts do not prove that it is the same",
            hint="A restore needs the very same release. If you know that it is: --allow openshift_version_unknown.",
        )


def _not_known(seen: RestoreSeen) -> str:
    cluster = cluster_of(seen.surveys)
    if cluster is None or not cluster.version:
        return "not known: no API server answers"
    return f"not known: it is on its way to {cluster.version}"


def _same_images(seen: RestoreSeen, backup: ChosenBackup) -> bool:
    then = _images(backup.plan.surveys if backup.plan else ())
    return len(then) == 1 and _images(hosts(seen)) == then


def _images(surveys: tuple[NodeSurvey, ...]) -> set[tuple[str, str]]:
    """Empty unless every host tells both, by digest."""
    found = {(host_of(survey).etcd_image, host_of(survey).apiserver_image) for survey in surveys}
    return found if all("@sha256:" in image for pair in found for image in pair) else set()


def same_cluster(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    now, then = cluster_of(seen.surveys), cluster_of(backup.plan.surveys if backup.plan else ())
    if now and then and now.infrastructure and then.infrastructure and now.infrastructure != then.infrastructure:
        yield Finding(
            level="refuse",
            code="backup_of_other_cluster",
            text=f"the backup is of the cluster {then.infrastructure}, and this one is {now.infrastructure}",
            hint="A cluster that was installed anew has other machines and certificates.",
        )
