"""What a backup itself says against its restore."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from holdfast.drivers.registry import driver_of
from holdfast.models.cluster import ClusterSpec
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest
from holdfast.planning.restore_nodes import WITH_FILES
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen, expected, node_names

# A control plane whose certificates end tomorrow is not brought back by them.
EXPIRES = timedelta(days=1)
_RENEW = "Renew them first: kubeadm certs renew all, then restart the control plane's pods."


def state(backup: ChosenBackup) -> Iterator[Finding]:
    name = backup.manifest.backup_id
    if backup.state == "damaged":
        yield Finding(
            level="refuse",
            code="backup_damaged",
            text=f"{name} was found damaged when it was read back",
            hint="Choose another backup; holdfast backup list shows them.",
        )
    elif backup.state != "verified" or backup.verified is None:
        yield Finding(
            level="refuse",
            code="backup_not_verified",
            text=f"{name} was never read back: nobody knows whether it is sound, and there are no counts to compare",
            hint="Verify it: holdfast backup verify. To restore it all the same: --allow backup_not_verified.",
        )


def signature(backup: ChosenBackup) -> Iterator[Finding]:
    """A signature that is not good raised before anything was looked at; here is the one that is not there."""
    if backup.signature == "missing":
        yield Finding(
            level="refuse",
            code="manifest_unsigned",
            text=f"the manifest of {backup.manifest.backup_id} has no signature, and this installation signs its own",
            hint="Older than the signing key? To restore it all the same: --allow manifest_unsigned. Otherwise look "
            "who wrote into the bucket.",
        )


def members(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    """Another set of members is legitimate, as on fewer hosts; it is worth a word, as it may be another cluster."""
    before = set(backup.manifest.database.members)
    after = {survey.etcd.name for survey in seen.surveys if survey.etcd}
    if before and after and not before & after:
        yield Finding(
            level="warn",
            code="members_renamed",
            text=f"the backup's members are {', '.join(sorted(before))}, and the nodes' are {', '.join(sorted(after))}",
            hint="See that this is the backup of this cluster.",
        )


def versions(seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest) -> Iterator[Finding]:
    """etcd reads the data of its own minor version; what restores must be of that version too. A tool on a node that
    will have no member restores nothing."""
    made = backup.manifest.source.etcd_version
    surveys = (survey for survey in seen.surveys if expected(request.mode, survey, backup).etcd)
    found = {survey.node: seen.facts[survey.node].etcd_tool for survey in surveys if survey.node in seen.facts}
    tools = {f"{node} restores with {version}": version for node, version in found.items()}
    statuses = seen.etcd.statuses if seen.etcd else ()
    running = {f"{status.endpoint} runs {status.version}": status.version for status in statuses}
    off = [text for text, version in (tools | running).items() if version and _minor(version) != _minor(made)]
    if off:
        yield Finding(
            level="refuse",
            code="version_differs",
            text=f"the backup is of etcd {made}; {'; '.join(off)}",
            hint="Restore with etcd of the same minor version; upgrade afterwards.",
        )


def _minor(version: str) -> tuple[str, ...]:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return found.groups() if found else (version,)


def kubernetes_versions(seen: RestoreSeen, backup: ChosenBackup) -> Iterator[Finding]:
    pairs = [(survey, backup.survey_of(survey.node)) for survey in seen.surveys]
    off = [
        f"{now.node} was {then.kubernetes_version} and is {now.kubernetes_version}"
        for now, then in pairs
        if then and then.kubernetes_version and now.kubernetes_version
        if _minor(then.kubernetes_version) != _minor(now.kubernetes_version)
    ]
    if off:
        yield Finding(
            level="warn",
            code="kubernetes_version_differs",
            text=f"Kubernetes had another version when the backup was made: {'; '.join(off)}",
            hint="A newer one can read what the last few versions wrote; an older one may not.",
        )


def bundles(spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest) -> Iterator[Finding]:
    if request.mode not in WITH_FILES:
        return
    nodes = [node for node in node_names(spec, seen) if not backup.was_worker(node)]
    lacking = [node for node in nodes if backup.bundle_of(node) is None]
    if lacking:
        yield Finding(
            level="refuse",
            code="bundle_missing",
            text=f"the backup has no secrets bundle of {', '.join(lacking)}",
            hint="Choose a backup that has one, or restore the database alone (mode etcd) on nodes with their files.",
        )
    lost = {node: paths for node in nodes if (paths := _not_brought(seen, backup, node))}
    if lost:
        told = "; ".join(f"{node}: {', '.join(paths)}" for node, paths in lost.items())
        yield Finding(
            level="refuse",
            code="bundle_missing",
            text=f"files that kubelet's kubeconfig names are neither in the bundle nor on the node: {told}",
            hint="Put them there (kubeadm kubeconfig user --org system:nodes makes such certificates), or choose a "
            "backup that has them.",
        )


def _not_brought(seen: RestoreSeen, backup: ChosenBackup, node: str) -> list[str]:
    before, today = backup.survey_of(node), seen.survey_of(node)
    if before is None or backup.bundle_of(node) is None:
        return []
    there = set(today.kubelet_files) - set(today.missing) if today else set()
    return [path for path in before.kubelet_files if path in before.missing and path not in there]


def encryption(seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest) -> Iterator[Finding]:
    """The keys that the database was written with, "provider:version:name", must be on every node with an API server
    when all is done: in its configuration, or in the one that the bundle brings."""
    if backup.verified is None:
        return
    needed = {_key(label) for label in backup.verified.database.encryption_keys}
    lacking: dict[str, list[str]] = {}
    for survey in seen.surveys:
        if expected(request.mode, survey, backup).apiserver is None:
            continue
        bundle = backup.bundle_of(survey.node) if request.mode in WITH_FILES else None
        facts = seen.facts.get(survey.node)
        known = bundle.encryption_keys if bundle else facts.encryption_keys if facts else ()
        if missing := sorted(needed - set(known)):
            lacking[survey.node] = missing
    if lacking:
        told = "; ".join(f"{node}: {', '.join(keys)}" for node, keys in lacking.items())
        yield Finding(
            level="refuse",
            code="encryption_key_missing",
            text=f"the database has Secrets that were encrypted with keys which these nodes would not have: {told}",
            hint="Put those keys back into the encryption configuration, or choose a mode or backup that brings them.",
        )


def _key(label: str) -> str:
    provider, _, rest = label.partition(":")
    return f"{provider}:{rest.partition(':')[2]}"


def certificates(
    spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup, request: ChangeRequest, now: datetime
) -> Iterator[Finding]:
    """Those that the control plane will work with: of the node, or of the bundle that replaces them."""
    ends: dict[str, float] = {}
    for survey in seen.surveys:
        bundle = backup.bundle_of(survey.node) if request.mode in WITH_FILES else None
        facts = seen.facts.get(survey.node)
        if bundle:
            used = set(driver_of(spec.driver).certificates(expected(request.mode, survey, backup)))
            known = [(each.path, each.not_after.timestamp()) for each in bundle.certificates if each.path in used]
        else:
            known = [(path, float(end)) for path, end in facts.certificates] if facts else []
        ends |= {f"{survey.node}: {path}": end for path, end in known}
    yield from expiring(
        ends, now, _RENEW if request.mode not in WITH_FILES else f"The bundle is that old: use mode etcd. {_RENEW}"
    )


def expiring(ends: Mapping[str, float], now: datetime, hint: str = _RENEW) -> Iterator[Finding]:
    """`ends` maps certificates to when they expire, in seconds since 1970."""
    late = (now + EXPIRES).timestamp()
    off = sorted((end, what) for what, end in ends.items() if end <= late)
    if off:
        told = "; ".join(f"{what} {_until(end, now)}" for end, what in off[:5])
        yield Finding(
            level="refuse",
            code="certificate_expires",
            text=f"{len(off)} certificate{'s' if len(off) > 1 else ''} that the control plane needs: {told}",
            hint=hint,
        )


def _until(end: float, now: datetime) -> str:
    hours = (end - now.timestamp()) / 3600
    return f"expired {-hours:.0f} h ago" if hours <= 0 else f"expires in {hours:.0f} h"
