"""What the demo found, measured in this very run."""

from typing import Literal

from holdfast.models.base import Model
from holdfast.models.etcd import HashKV
from holdfast.models.restore import ChangePhase


class Comparison(Model):
    """The same question, answered by three that know nothing of each other.

    `file` is what our reader worked out from the downloaded snapshot, `source` what the live member answers that the
    snapshot came from, `restored` what a member answers that etcdutl restored from the file. All at one revision.
    """

    revision: int
    hash_file: HashKV
    hash_source: HashKV
    hash_restored: HashKV
    keys_verified: int
    keys_file: int
    keys_source: int
    keys_restored: int

    @property
    def differences(self) -> tuple[str, ...]:
        hashes = {
            "file": self.hash_file.hash,
            "source": self.hash_source.hash,
            "restored": self.hash_restored.hash,
        }
        compacted = {each.compact_revision for each in (self.hash_file, self.hash_source, self.hash_restored)}
        keys = {
            "verification": self.keys_verified,
            "file": self.keys_file,
            "source": self.keys_source,
            "restored": self.keys_restored,
        }
        found = []
        if len(set(hashes.values())) > 1 or len(compacted) > 1:
            found.append(f"HashKV differs: {hashes}, compacted at {sorted(compacted)}")
        if len(set(keys.values())) > 1:
            found.append(f"the number of keys differs: {keys}")
        return tuple(found)


class PhaseTime(Model):
    """From the start of a phase's first step to the end of its last one."""

    phase: ChangePhase
    seconds: float


class Recovery(Model):
    """What the restore of the lost cluster came to.

    `seconds` is from the approval to the end of the last step on a node: etcd healthy and equal, API servers and nodes
    ready, a write seen. `steps` were done, by `commands` on nodes. `hashes` and `keys` are what each node's member
    answers for `revision`. `gone` is the object that was added after the backup, `back` the one that was deleted, each
    "" when it is not so.
    """

    run_id: str
    digest: str
    approved_by: str
    seconds: float
    phases: tuple[PhaseTime, ...]
    steps: int
    commands: int
    revision: int
    hash_backup: HashKV
    hashes: dict[str, HashKV]
    keys_backup: int
    keys: dict[str, int]
    gone: str
    back: str

    @property
    def differences(self) -> tuple[str, ...]:
        found = []
        wanted = (self.hash_backup.hash, self.hash_backup.compact_revision)
        hashes = {node: (each.hash, each.compact_revision) for node, each in self.hashes.items()}
        if set(hashes.values()) != {wanted}:
            found.append(f"HashKV and its compaction differ: {hashes}, {wanted} in the backup")
        if set(self.keys.values()) != {self.keys_backup}:
            found.append(f"the number of keys differs: {self.keys}, {self.keys_backup} in the backup")
        if not self.gone:
            found.append("what was added after the backup is still there")
        if not self.back:
            found.append("what was deleted after the backup is not there, or is not what it was")
        return tuple(found)


class DemoFigures(Model):
    """Sizes are bytes. `snapshot_seconds` is from the first byte asked of etcd to the object in the bucket, in
    whole seconds where a node's clock told them; `mb_per_second` is 0 where that is too little to tell. `phases`
    are the states that the execution was seen to enter. `restore_seconds` is the throw-away member's, `restore` the
    lost cluster's: None where no nodes could be made, and `not_shown` says why."""

    verdict: Literal["equal"] = "equal"
    cluster_id: str
    run_id: str
    backup_id: str
    raw_size: int
    size: int
    snapshot_seconds: float
    mb_per_second: float
    verify_seconds: float
    run_seconds: float
    restore_seconds: float
    total_seconds: float
    sha256: str
    revision: int
    live_keys: int
    phases: tuple[str, ...]
    member: str
    member_reason: str
    etcd_version: str
    comparison: Comparison
    restore: Recovery | None
    not_shown: str = ""
