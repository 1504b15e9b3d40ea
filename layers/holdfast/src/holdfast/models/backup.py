"""A backup as it is stored: the object, the manifest that seals it, the report that verifies it. Sizes are bytes."""

from typing import Literal

from holdfast.models.base import BackupId, ClusterId, Model, RunId, Sha256Hex, StoredModel, Utc
from holdfast.models.database import DatabaseHead, DatabaseSummary
from holdfast.models.node import Certificate
from holdfast.models.signature import SignatureState

Kind = Literal["recurring", "manual"]
TransportKind = Literal["etcd", "ssh", "ssm", "kubernetes"]
Compression = Literal["zstd", "gzip"]
State = Literal["unsealed", "sealed", "verified", "damaged"]


class SnapshotObject(StoredModel):
    """`snapshot.db.zst` as it was sent, or `snapshot.db.gz` where the node that sent it has no zstd.

    `sha256` is the hash of the database body (equal to the file's trailer), `raw_size` the file with its trailer;
    `object_sha256` and `size` are those of the compressed object. `checksum` is what the store must report for the
    object, "<algorithm>:<value>" ("sha256:…-7" is S3's composite over the parts; "etag:…" where a store has nothing
    newer).
    """

    key: str
    size: int
    object_sha256: Sha256Hex
    raw_size: int
    sha256: Sha256Hex
    checksum: str
    compression: Compression = "zstd"
    version_id: str | None = None
    started_at: Utc
    finished_at: Utc


class SnapshotSource(StoredModel):
    """Where the bytes came from. `platform_version` is that of the distribution, "" where the nodes did not tell it and
    while it was changing."""

    driver: str
    transport: TransportKind
    etcd_cluster_id: str
    etcd_version: str
    endpoint: str
    member_id: str
    member_name: str
    node: str = ""
    reason: str
    platform_version: str = ""


class SecretsBundle(StoredModel):
    """What a restore of one node needs beside the database, in the secrets bucket: a tar of files, as root read them.

    `size` and `object_sha256` are those of the compressed object. `encryption_keys` are "provider:name" of the
    configuration for encryption at rest, never key material.
    """

    node: str
    key: str
    size: int
    object_sha256: Sha256Hex
    compression: Compression
    files: int
    certificates: tuple[Certificate, ...] = ()
    encryption_keys: tuple[str, ...] = ()


class Manifest(StoredModel):
    """Put last, once, conditionally: a backup without one does not exist.

    `plan_sha256` is that of the run's `plan.json` (`emergency.json` for the backup that a restore makes first), which
    says how the nodes were laid out; None in manifests of an older Holdfast. `possibly_dirty`: it was forced while the
    cluster may have been changing, so that database and files need not belong together. It is never verified.
    """

    schema_version: Literal[1] = 1
    cluster_id: ClusterId
    backup_id: BackupId
    run_id: RunId
    kind: Kind
    sealed_at: Utc
    holdfast_version: str
    source: SnapshotSource
    snapshot: SnapshotObject
    database: DatabaseHead
    bundles: tuple[SecretsBundle, ...] = ()
    warnings: tuple[str, ...] = ()
    plan_sha256: Sha256Hex | None = None
    possibly_dirty: bool = False


class VerificationReport(StoredModel):
    """`verified.json`: what was found when the object was read back whole. Its existence is what makes a backup
    verified. `signature` is what was known of the manifest's then."""

    schema_version: Literal[1] = 1
    cluster_id: ClusterId
    backup_id: BackupId
    verified_at: Utc
    manifest_sha256: Sha256Hex
    seconds: float
    database: DatabaseSummary
    signature: SignatureState = "unchecked"


class DamageReport(StoredModel):
    """`damaged.json`: what was wrong when the object was read back. Such a backup is never counted as a backup."""

    schema_version: Literal[1] = 1
    cluster_id: ClusterId
    backup_id: BackupId
    found_at: Utc
    code: str
    message: str


class Hold(StoredModel):
    """The content of a hold's marker, for people: its key alone is what holds."""

    held_by: str = ""
    held_at: Utc | None = None
    reason: str = ""


class BackupEntry(Model):
    """One row of a listing: what LIST calls alone can tell. `size` is the compressed object, 0 when it is missing.

    `raw_size` is the database with its trailer, known from Seal on. `live_keys` and `resources` are what the
    verification found, 0 and "" before it: keys alive, and six hex digits over the names of the resources that have any
    (`planning/suspicion.py: resources_digest`). `held` keeps it from retention; `accepted` says that a person has
    looked at a suspicious content and meant it. `possibly_dirty` is the manifest's.
    """

    cluster_id: ClusterId
    backup_id: BackupId
    kind: Kind
    taken_at: Utc
    size: int
    state: State
    raw_size: int = 0
    live_keys: int = 0
    resources: str = ""
    held: bool = False
    accepted: bool = False
    possibly_dirty: bool = False
