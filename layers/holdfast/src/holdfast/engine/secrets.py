"""Secrets: what a restore needs of each node beside the database goes into the secrets bucket.

A phase of its own, because its role may write there and the snapshot's role may not. The nodes send by presigned URLs;
what Holdfast itself reads back are the public certificates.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from holdfast.drivers.base import Driver
from holdfast.engine.node_snapshot import URL_LIFE_S, survey_of
from holdfast.engine.node_steps import ATTEMPTS, first_step, look, report_of
from holdfast.engine.services import Services
from holdfast.engine.urls import values_of
from holdfast.errors import DamagedError, HoldfastError, TransientError
from holdfast.facts.certificates import LIMIT_BYTES, read_certificates
from holdfast.models.backup import SecretsBundle
from holdfast.models.command import Command
from holdfast.models.node import BundleReport, NodeStep
from holdfast.models.plan import BackupPlan
from holdfast.models.run import BackupState, Pending
from holdfast.planning.naming import (
    backup_of_folder,
    backup_of_secret,
    backup_prefix,
    backups_prefix,
    bundle_key,
    certificates_key,
)
from holdfast.planning.waiting import next_wait
from holdfast.transports.base import Transport

PHASE = "Secrets"
# Of one node; a control plane has some twenty. They travel with the state, whose size is limited.
CERTIFICATES = 64


def nodes_with_secrets(plan: BackupPlan) -> tuple[str, ...]:
    if plan.pair:
        return (plan.member.node,)
    return tuple(survey.node for survey in plan.surveys if survey.bundle_paths)


def bundle_secrets(
    services: Services, transport: Transport, driver: Driver, plan: BackupPlan, state: BackupState
) -> BackupState:
    """One look at every node's bundle; starts them when `state.pending` is None.

    A node whose bundle cannot be had costs a warning, and so do all of them: a snapshot that came in well is worth more
    than none, and the warnings say what it cannot do. Of a pair either is worth nothing without the other: the error of
    its bundle is the backup's.
    """
    now = services.clock()
    bundling = _Bundling(services, driver, plan, state)
    pending = state.pending or bundling.begin(now)
    looked = look(transport, pending.steps, bundling.command, now, clock=services.clock)
    steps = {step.node: step for step in pending.steps}
    bundles, notes, waiting = list(pending.bundles), list(pending.notes), list(looked.waiting)
    errors = dict(looked.failed)
    for node, result in looked.done.items():
        try:
            report = report_of(node, result, BundleReport)
            bundles.append(bundling.arrived(node, report))
            notes += bundling.notes_of(node, report)
        except TransientError as error:
            if steps[node].attempt == ATTEMPTS:
                errors[node] = error
            else:
                waiting.append(bundling.step(node, now, attempt=steps[node].attempt + 1))
        except HoldfastError as error:
            errors[node] = error
    if plan.pair and errors:
        raise errors[plan.member.node]
    notes += [f"no secrets bundle of {node}: {error.code}: {error.message}" for node, error in sorted(errors.items())]
    if waiting:
        wait = next_wait((now - pending.since).total_seconds())
        changes = {"steps": tuple(waiting), "wait_s": wait, "bundles": tuple(bundles), "notes": tuple(notes)}
        return state.model_copy(update={"pending": pending.model_copy(update=changes)})
    if state.kept:
        notes += bundling.leave(transport, state.kept)
    if not bundles and errors:
        notes.append("no node sent a secrets bundle: the database alone does not bring back a lost control plane")
    done = tuple(sorted(bundles, key=lambda bundle: bundle.node))
    return state.model_copy(update={"pending": None, "bundles": done, "notes": (*state.notes, *notes)})


@dataclass(frozen=True)
class _Bundling:
    services: Services
    driver: Driver
    plan: BackupPlan
    state: BackupState

    def begin(self, now: datetime) -> Pending:
        steps = tuple(self.step(node, now) for node in nodes_with_secrets(self.plan))
        return Pending(stage="bundle", wait_s=1, since=now, steps=steps)

    def step(self, node: str, now: datetime, *, attempt: int = 1) -> NodeStep:
        return first_step(node, self.state.run.run_id, PHASE, "bundle", now, attempt=attempt)

    def command(self, node: str) -> Command:
        command = self.driver.bundle(survey_of(self.plan, node))
        run, grants = self.state.run, self.services.secrets_grants
        urls = {
            "bundle_url": bundle_key(run.cluster_id, run.backup_id, node),
            "certificates_url": certificates_key(run.cluster_id, run.backup_id, node),
        }
        secrets = {name: grants.put_url(key, expires_s=URL_LIFE_S) for name, key in urls.items()}
        values = {**command.values, **values_of(grants.url_use(urls["bundle_url"]))}
        if self.state.kept and self.state.snapshot:
            values |= {"kept": self.state.kept, "snapshot_sha256": self.state.snapshot.sha256}
        return Command(command.script, values, secrets, command.timeout_s)

    def arrived(self, node: str, report: BundleReport) -> SecretsBundle:
        """DamagedError `object_size_mismatch` when the store has another object than the node sent."""
        run, reader = self.state.run, self.services.secrets_reader
        key = bundle_key(run.cluster_id, run.backup_id, node)
        # From a listing: a HEAD needs the right to read the object, and nobody here may read a bundle.
        sizes = {
            entry.key: entry.size for entry in reader.list(f"{backup_prefix(run.cluster_id, run.backup_id)}{node}/")
        }
        if sizes.get(key) != report.size:
            there = f"has {sizes[key]} bytes" if key in sizes else "is not"
            text = f"{key} {there} in the bucket; {node} sent {report.size}"
            raise DamagedError("object_size_mismatch", text, hint="Run the backup again.")
        listed = certificates_key(run.cluster_id, run.backup_id, node)
        # Whatever a node puts there, no more than this is read into memory.
        end = min(sizes.get(listed, 0), LIMIT_BYTES)
        certificates = reader.read(listed, end=end).decode("utf-8", "replace") if end else ""
        return SecretsBundle(
            node=node,
            key=key,
            size=report.size,
            object_sha256=report.object_sha256,
            compression=report.compression,
            files=report.files,
            certificates=read_certificates(certificates)[:CERTIFICATES],
            encryption_keys=report.encryption_keys,
        )

    def leave(self, transport: Transport, kept: str) -> list[str]:
        """The bundle has arrived, and its script took the copy away; the rest of the snapshot's step goes too."""
        node = self.plan.member.node
        try:
            transport.cancel(node, kept)
        except HoldfastError as error:
            return [f"{node}: what the snapshot's step left is still there: {error}"]
        return []

    @staticmethod
    def notes_of(node: str, report: BundleReport) -> list[str]:
        missing = [f"{node}: {path} is not there and not in the secrets bundle" for path in report.missing]
        return [*missing, *(f"{node}: {warning}" for warning in report.warnings)]


def secrets_of(services: Services, cluster_id: str, backup: str) -> list[str]:
    """The keys of what nodes sent for that backup. Whatever else lies there is none of ours."""
    found = services.secrets_reader.list(backup_prefix(cluster_id, backup))
    return [entry.key for entry in found if backup_of_secret(entry.key) == backup]


def remove_secrets(services: Services, cluster_id: str, backup: str) -> None:
    services.secrets_remover.remove(secrets_of(services, cluster_id, backup))


def orphans_among(services: Services, cluster_id: str, *, known: AbstractSet[str]) -> tuple[str, ...]:
    """Backups of which only secrets are left, after a removal that was cut short, or sent after a clean-up. `known` are
    all backups that the other bucket has anything of; what is at work holds the cluster's lease."""
    folders = services.secrets_reader.folders(backups_prefix(cluster_id))
    there = [backup for folder in folders if (backup := backup_of_folder(cluster_id, folder))]
    return tuple(backup for backup in there if backup not in known and secrets_of(services, cluster_id, backup))
