"""Names and keys. Everything that is stored carries the cluster's id first and sorts by time; no key has a colon."""

import hashlib
from datetime import UTC, datetime

from pydantic import TypeAdapter

from holdfast.errors import InvalidInputError
from holdfast.models.backup import Compression, Kind
from holdfast.models.base import BackupId

_LETTERS: dict[str, Kind] = {"r": "recurring", "m": "manual"}
_BACKUP_ID: TypeAdapter[str] = TypeAdapter(BackupId)
_BACKUP_ID_LENGTH = len("20261120T154300Z-r-1a2b3c")

SNAPSHOT = "snapshot.db.zst"
GZIPPED_SNAPSHOT = "snapshot.db.gz"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
VERIFIED = "verified.json"
DAMAGED = "damaged.json"
RUNBOOK = "runbook.md"
# All that lies below a backup. Its manifest is the first to go: without it nothing is a backup.
FILES = (MANIFEST, SIGNATURE, VERIFIED, DAMAGED, RUNBOOK, SNAPSHOT, GZIPPED_SNAPSHOT)
_OF_A_NODE = ("bundle.tar", "certificates.pem")


def backup_id(moment: datetime, kind: Kind, seed: str) -> str:
    """`20261120T154300Z-r-1a2b3c`; the same moment, kind and seed give the same id, so that a retry finds its own
    work."""
    letter = next(letter for letter, name in _LETTERS.items() if name == kind)
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{letter}-{hashlib.sha256(seed.encode()).hexdigest()[:6]}"


def parse_backup_id(text: str) -> tuple[datetime, Kind]:
    """The moment and the kind that an id carries; InvalidInputError `backup_id_invalid` for anything else."""
    try:
        stamp, letter, _ = _BACKUP_ID.validate_python(text).split("-")
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), _LETTERS[letter]
    except ValueError as error:
        raise InvalidInputError(
            "backup_id_invalid",
            f"{text[:80]!r} is no backup id",
            hint="an id looks like 20261120T154300Z-r-1a2b3c; holdfast backup list CLUSTER shows them",
        ) from error


def run_id(cluster_id: str, backup: str) -> str:
    """The name of the execution that makes this backup: at most 48 + 1 + 25 of the 80 characters that AWS allows."""
    return f"{cluster_id}-{backup}"


def retention_owner(cluster_id: str, seed: str) -> str:
    """Who holds the lease while retention runs on the command line: a name that no run has."""
    return f"{cluster_id}-retention-{hashlib.sha256(seed.encode()).hexdigest()[:6]}"


def scheduled_run_id(cluster_id: str, scheduled_time: datetime, when: str = "") -> str:
    """The same schedule event, delivered twice, gives the same name, and a name starts one execution. Two schedules of
    one cluster may fire at the same moment: `when` tells their runs apart."""
    moment = scheduled_time.astimezone(UTC)
    seed = f"{cluster_id} {moment.isoformat()}" + (f" {when}" if when else "")
    return run_id(cluster_id, backup_id(moment, "recurring", seed))


def backup_id_of_run(cluster_id: str, run: str, started_at: datetime, kind: Kind) -> str:
    """The id that a run's name carries, or one made of its start for a name that somebody else chose (the console's).

    A name without the cluster's id carries none, even when it is a backup's id: two runs never share a backup.
    """
    candidate = run.removeprefix(f"{cluster_id}-")
    if candidate != run and _is_backup_id(candidate):
        return candidate
    return backup_id(started_at, kind, run)


def _is_backup_id(text: str) -> bool:
    try:
        parse_backup_id(text)
    except InvalidInputError:
        return False
    return True


def cluster_of_run(run: str) -> str | None:
    """The cluster whose id a run's name begins with, None for a name that carries no backup's id."""
    cluster_id, backup = run[: -_BACKUP_ID_LENGTH - 1], run[-_BACKUP_ID_LENGTH:]
    return cluster_id if cluster_id and run == run_id(cluster_id, backup) and _is_backup_id(backup) else None


def cluster_prefix(cluster_id: str) -> str:
    return f"{cluster_id}/"


def backups_prefix(cluster_id: str) -> str:
    """Of all backups and of nothing else: an id begins with its year, and no other name does."""
    return f"{cluster_id}/2"


def backup_of_folder(cluster_id: str, folder: str) -> str | None:
    """The backup whose prefix this is, None for any other: what lies there is none of ours."""
    backup = folder.removeprefix(cluster_prefix(cluster_id)).removesuffix("/")
    return backup if _is_backup_id(backup) and folder == backup_prefix(cluster_id, backup) else None


def backup_prefix(cluster_id: str, backup: str) -> str:
    return f"{cluster_id}/{backup}/"


def backup_key(cluster_id: str, backup: str, name: str) -> str:
    return f"{backup_prefix(cluster_id, backup)}{name}"


def run_key(cluster_id: str, run: str, name: str) -> str:
    return f"{cluster_id}/runs/{run}/{name}"


def snapshot_name(compression: Compression) -> str:
    return SNAPSHOT if compression == "zstd" else GZIPPED_SNAPSHOT


def bundle_key(cluster_id: str, backup: str, node: str) -> str:
    """In the secrets bucket. The name says nothing of the compression: it is known when the bundle has arrived."""
    return f"{backup_prefix(cluster_id, backup)}{node}/bundle.tar"


def certificates_key(cluster_id: str, backup: str, node: str) -> str:
    """In the secrets bucket, beside the bundle: the public certificates in it, as PEM text."""
    return f"{backup_prefix(cluster_id, backup)}{node}/certificates.pem"


def backup_of_secret(key: str) -> str | None:
    """The backup that a bundle's key, or that of its certificates, belongs to; None for any other key."""
    parts = key.split("/")
    return parts[1] if len(parts) == 4 and _is_backup_id(parts[1]) and parts[3] in _OF_A_NODE else None


def step_key(run: str, phase: str, step: str, attempt: int = 1) -> str:
    """The directory of a step on its node: the same run, phase, step and attempt find the same one."""
    return f"{run}.{phase.lower()}.{step}.{attempt}"


def steps_of_run(run: str) -> str:
    """What the keys of all steps of a run begin with, and no other run's: a run's name has no dot."""
    return f"{run}."


def split_backup_key(key: str) -> tuple[str, str, str] | None:
    """(cluster, backup, file) of a key below a backup, None for any other key."""
    parts = key.split("/")
    if len(parts) != 3 or not _is_backup_id(parts[1]):
        return None
    return parts[0], parts[1], parts[2]


def token_of_run(run: str) -> str:
    """A restored cluster's --initial-cluster-token: another one for every run, the same on every node of it."""
    return f"holdfast-{hashlib.sha256(run.encode()).hexdigest()[:20]}"
