"""Runs through nodes in memory, for scenarios: one cluster of three nodes, its machine, what is left behind."""

from datetime import timedelta

from builders.doubled_nodes import DoubledNodes, nodes_spec
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, services_with
from holdfast.engine.catalog import find_backup, load_manifest, look_at_objects, read_catalog
from holdfast.errors import PermanentError
from holdfast.models.backup import Manifest
from holdfast.models.run import Outcome
from holdfast.planning.naming import scheduled_run_id
from holdfast.transports.memory import MemoryTransport

CLUSTER = "prod-1"
RUN = scheduled_run_id(CLUSTER, START)


def through(nodes: DoubledNodes, *, looks: int = 1) -> MemoryTransport:
    transport = nodes.transport(looks=looks)
    nodes.services.transport = transport
    return transport


def three(**changes: object) -> tuple[MemoryServices, DoubledNodes]:
    services = services_with(nodes_spec())
    nodes = DoubledNodes(services, **changes)  # type: ignore[arg-type]
    through(nodes)
    return services, nodes


def run(services: MemoryServices, **options: object) -> Outcome:
    machine = BackupMachine(services, **options)  # type: ignore[arg-type]
    return timed(machine).execute(CLUSTER, START)


def timed(machine: BackupMachine) -> BackupMachine:
    """The clock goes on while the machine waits."""
    before = machine.on_wait

    def wait(seconds: int) -> None:
        before(seconds)
        machine.services.clock.advance(timedelta(seconds=seconds))  # type: ignore[attr-defined]

    machine.on_wait = wait
    return machine


def manifest_of(services: MemoryServices, outcome: Outcome) -> Manifest:
    assert outcome.status == "succeeded", outcome.error
    assert outcome.backup_id
    return load_manifest(services.bucket, CLUSTER, outcome.backup_id)[0]


def left(services: MemoryServices) -> list[str]:
    """What nobody vouches for: unfinished uploads, objects and secrets of backups that are none, lists of URLs."""
    found = [f"upload of {upload.key}" for upload in services.bucket.unfinished]
    for bucket in (services.bucket, services.secrets):
        for key, stored in bucket.objects.items():
            cluster, backup, *_ = key.split("/")
            if backup == "catalog":
                listed = read_catalog(services.bucket, cluster).entries
                known = {entry.backup_id for entry in look_at_objects(services.bucket, cluster)}
                found += [key] if not {entry.backup_id for entry in listed} <= known else []
            elif backup == "runs":
                found += [key] if key.endswith("upload.txt") and stored.body else []
            elif (entry := find_backup(services.bucket, cluster, backup)) is None or entry.state == "unsealed":
                found.append(f"{bucket.name}: {key}")
    return found


def failed_after_secrets(services: MemoryServices) -> Outcome:
    def fail(phase: str) -> None:
        if phase == "Seal":
            raise PermanentError("storage_access_denied", "no more")

    return run(services, on_phase=fail)


def states(machine: BackupMachine) -> str:
    return machine.state.model_dump_json() if machine.state else ""
