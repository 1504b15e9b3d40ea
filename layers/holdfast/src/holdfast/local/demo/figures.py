"""What the demo found, measured in this very run."""

from typing import Literal

from holdfast.models.base import Model
from holdfast.models.etcd import HashKV


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


class DemoFigures(Model):
    """Sizes are bytes. `snapshot_seconds` is from the first byte asked of etcd to the object in the bucket, `phases`
    are the states that the execution was seen to enter."""

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
