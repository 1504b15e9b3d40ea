"""A person looked at a backup that is suspicious, and means it: retention goes on."""

from holdfast.engine.catalog import find_backup
from holdfast.engine.services import Services
from holdfast.errors import PermanentError, RefusedError
from holdfast.models.base import BackupId, ClusterId, StoredModel, Utc
from holdfast.planning.catalog_key import accept_key
from holdfast.planning.naming import parse_backup_id


class Acceptance(StoredModel):
    """The body of the marker, for whoever asks later; that it is there is what counts."""

    cluster_id: ClusterId
    backup_id: BackupId
    accepted_by: str
    accepted_at: Utc


def accept_backup(services: Services, cluster_id: str, backup: str, *, accepted_by: str) -> Acceptance:
    """PermanentError `backup_unknown` for one that is not there, RefusedError `backup_not_verified` for one that nobody
    verified: what is in it is not known."""
    parse_backup_id(backup)
    entry = find_backup(services.reader, cluster_id, backup)
    if entry is None:
        hint = f"holdfast backup list {cluster_id} shows what there is"
        raise PermanentError("backup_unknown", f"cluster {cluster_id} has no backup {backup}", hint=hint)
    if entry.state != "verified":
        hint = f"holdfast backup verify {cluster_id} {backup}"
        raise RefusedError(
            "backup_not_verified", f"{backup} is {entry.state}, so what is in it is not known", hint=hint
        )
    made = Acceptance(cluster_id=cluster_id, backup_id=backup, accepted_by=accepted_by, accepted_at=services.clock())
    services.writer.put(accept_key(cluster_id, backup), made.model_dump_json(indent=2).encode())
    return made
