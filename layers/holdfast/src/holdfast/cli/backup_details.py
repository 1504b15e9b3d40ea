"""What `holdfast backup show` shows: the manifest, and what reading the backup back found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.cli.backup_holding import hold_line, protection_table
from holdfast.cli.render import facts, human_bytes, human_seconds, human_speed, moment, table
from holdfast.engine.copies import copy_state
from holdfast.engine.holding import Protected, hold_of, protection
from holdfast.engine.reading import read_if_there
from holdfast.engine.services import Services
from holdfast.engine.signing import load_signed
from holdfast.engine.verification import find_report
from holdfast.errors import HoldfastError
from holdfast.models.backup import DamageReport, Hold, Manifest, SecretsBundle, SnapshotSource, VerificationReport
from holdfast.models.copies import CopyKind, CopyState
from holdfast.models.signature import SignatureState
from holdfast.planning.naming import DAMAGED, backup_key, backup_prefix
from holdfast.storage.base import LockState, ObjectReader

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


@dataclass(frozen=True)
class BackupDetails:
    manifest: Manifest
    verification: VerificationReport | None
    damage: DamageReport | None
    signature: SignatureState
    hold: Hold | None
    protected: tuple[Protected, ...]
    copy: CopyState

    @property
    def state(self) -> str:
        if self.damage:
            return f"damaged: {self.damage.message} [{self.damage.code}]"
        if self.verification:
            return f"verified {moment(self.verification.verified_at)} in {human_seconds(self.verification.seconds)}"
        if self.manifest.possibly_dirty:
            return "sealed, possibly dirty: it was forced, and is never verified"
        return "sealed, not verified"


def load_details(services: Services, cluster: str, backup: str) -> BackupDetails:
    """RefusedError `manifest_signature_invalid`: nothing of such a manifest is shown."""
    signed = load_signed(services, cluster, backup)
    return BackupDetails(
        signed.manifest,
        find_report(services.reader, cluster, backup),
        _damage(services.reader, cluster, backup),
        signed.signature,
        hold_of(services, cluster, backup),
        protection(services, cluster, backup),
        _copy(services, cluster, backup),
    )


def _copy(services: Services, cluster: str, backup: str) -> CopyState:
    """Who may read the backup may not always read its copy, which may be another account's."""
    try:
        return copy_state(services, cluster, backup)
    except HoldfastError as error:
        return CopyState(kind="unknown", reason=str(error))


def _damage(reader: ObjectReader, cluster: str, backup: str) -> DamageReport | None:
    body = read_if_there(reader, backup_key(cluster, backup, DAMAGED))
    return DamageReport.model_validate_json(body) if body is not None else None


SIGNATURES: dict[SignatureState, str] = {
    "valid": "good: by a key that this installation trusts",
    "missing": "missing: older than the signing key, or somebody removed it",
    "unchecked": "not checked: this installation has no signing key",
}


_COPIES: dict[CopyKind, str] = {
    "none": "none",
    "there": "there",
    "pending": "not yet",
    "missing": "missing",
    "differs": "differs",
    "unknown": "could not be looked at",
}


def details(found: BackupDetails) -> "Iterator[RenderableType]":
    yield facts(_lines(found))
    if found.manifest.bundles:
        yield ""
        yield bundle_table(found.manifest.bundles)
        yield ""
    if any(each.state != LockState() for each in found.protected):
        yield ""
        yield protection_table(found.protected)
        yield ""
    for warning in found.manifest.warnings:
        yield f"warning: {warning}"


def bundle_table(bundles: tuple[SecretsBundle, ...]) -> "Table":
    """One row per node. Of its certificates the one that ends first: a restore brings back what is in the bundle."""
    rows = (
        (
            bundle.node,
            str(bundle.files),
            human_bytes(bundle.size),
            _ends_first(bundle),
            ", ".join(bundle.encryption_keys) or "-",
        )
        for bundle in bundles
    )
    return table(
        ("NODE", "FILES", "SIZE", "FIRST CERTIFICATE TO END", "ENCRYPTION KEYS"), rows, right=("FILES", "SIZE")
    )


def _ends_first(bundle: SecretsBundle) -> str:
    if not bundle.certificates:
        return "-"
    first = min(bundle.certificates, key=lambda certificate: (certificate.not_after, certificate.path))
    return f"{first.not_after:%Y-%m-%d} {first.path}"


def _bundles_line(manifest: Manifest) -> str:
    if not manifest.bundles:
        return "none: only a path that reaches the nodes' files takes them"
    below = backup_prefix(manifest.cluster_id, manifest.backup_id)
    return f"{', '.join(bundle.node for bundle in manifest.bundles)}, in the secrets bucket below {below}"


def _way(source: SnapshotSource) -> str:
    return f"{source.transport}, on node {source.node}" if source.node else source.transport


def _lines(found: BackupDetails) -> Iterator[tuple[str, str]]:
    manifest = found.manifest
    snapshot, source = manifest.snapshot, manifest.source
    seconds = (snapshot.finished_at - snapshot.started_at).total_seconds()
    yield "backup", f"{manifest.backup_id} ({manifest.kind}) of cluster {manifest.cluster_id}"
    yield "state", found.state
    yield "signature", SIGNATURES[found.signature]
    yield "copy", f"{_COPIES[found.copy.kind]}: {found.copy.reason}"
    yield (
        "taken",
        f"{moment(snapshot.started_at)} in {human_seconds(seconds)}, {human_speed(snapshot.raw_size, seconds)}",
    )
    yield "size", f"{human_bytes(snapshot.raw_size)}, compressed {human_bytes(snapshot.size)}"
    yield "member", f"{source.member_name} at {source.endpoint}, etcd {source.etcd_version}"
    yield "through", _way(source)
    if source.platform_version:
        yield "platform", f"{source.driver} {source.platform_version}"
    yield "because", source.reason
    compacted = manifest.database.compact_revision
    yield (
        "revision",
        f"{manifest.database.revision}, " + (f"compacted at {compacted}" if compacted >= 0 else "never compacted"),
    )
    if found.verification:
        database = found.verification.database
        yield "keys", f"{database.live_keys} live, {database.records} records, {len(database.resources)} resources"
    yield "sha256", snapshot.sha256
    yield "object", snapshot.key
    yield "held", hold_line(found.hold)
    yield "secrets", _bundles_line(manifest)
