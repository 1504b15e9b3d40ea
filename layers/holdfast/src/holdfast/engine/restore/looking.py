"""Started, the first half: what the nodes, their members and the backup tell, before anything is decided."""

import hashlib
import json
from contextlib import closing

from holdfast.drivers.registry import driver_of
from holdfast.engine.catalog import find_backup, load_manifest, look_at_objects
from holdfast.engine.node_facts import NodesTold, look_at_nodes
from holdfast.engine.node_steps import first_step, look, report_of
from holdfast.engine.reading import read_if_there
from holdfast.engine.restore.stored import EMERGENCY, PLAN
from holdfast.engine.services import Services
from holdfast.engine.signing import SignedManifest, load_signed
from holdfast.engine.verification import find_report
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.models.backup import Manifest
from holdfast.models.cluster import ClusterSpec, SshTransport, SsmTransport
from holdfast.models.command import Command
from holdfast.models.etcd import EndpointFailure
from holdfast.models.node import NodeSurvey
from holdfast.models.plan import BackupPlan
from holdfast.models.restore import RestoreFacts, StartedLook
from holdfast.models.run import Pending
from holdfast.planning.naming import run_key
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen
from holdfast.planning.waiting import next_wait

PHASE = "Started"
# Of a manifest: another backup may do as well.
_NOT_TO_BE_READ = (
    "backup_plan_changed",
    "backup_of_other_cluster",
    "backup_unknown",
    "manifest_invalid",
    "manifest_newer",
    "manifest_signature_invalid",
)


def transport_of(spec: ClusterSpec) -> SshTransport | SsmTransport:
    """RefusedError `restore_needs_nodes` for a way that ends when the API server does, or that leads to etcd alone."""
    if isinstance(spec.transport, SshTransport | SsmTransport):
        return spec.transport
    raise RefusedError(
        "restore_needs_nodes",
        f"{spec.id} is reached over {spec.transport.kind}, which does not outlive its API servers or reaches etcd only",
        hint="Apply the cluster with an ssh or ssm transport; its backups stay what they are.",
    )


def look_at_cluster(
    services: Services,
    spec: ClusterSpec,
    run_id: str,
    seen: StartedLook | None,
    backup: ChosenBackup | None,
    *,
    as_it_is: bool = False,
) -> StartedLook | RestoreSeen:
    """One look. A node that does not answer is a row in `failures`; only a cluster of which nobody answers raises.

    A host that has nothing yet is asked for what the backup knew under its name, and is seen like that too, unless it
    shall be seen `as_it_is`.
    """
    driver = driver_of(spec.driver)
    through = transport_of(spec)
    now = services.clock()
    with closing(services.nodes(through)) as transport:
        before = seen.told if seen else None
        if seen is None or before is None:
            told = look_at_nodes(transport, driver, run_id, seen.nodes if seen else None, services.clock)
            if isinstance(told, Pending):
                return StartedLook(wait_s=told.wait_s, since=seen.since if seen else now, nodes=told)
            if not told.surveys:
                raise told.nobody()
            before = Pending(
                stage="told", wait_s=1, since=now, surveys=told.surveys, etcds=told.etcds, failures=told.failures
            )
            steps = tuple(first_step(survey.node, run_id, PHASE, "facts", now) for survey in told.surveys)
            seen = StartedLook(wait_s=1, since=now, told=before, steps=steps)
        told_of = {survey.node: survey for survey in _surveys(before, backup)}

        def command(where: str) -> Command:
            return driver.restore_facts(told_of[where])

        looked = look(transport, seen.steps, command, now, patient=False, clock=services.clock)
    facts, failures = dict(seen.facts), list(seen.failures)
    for where, result in looked.done.items():
        try:
            facts[where] = report_of(where, result, RestoreFacts)
        except HoldfastError as error:
            failures.append(EndpointFailure.of(where, error))
    failures += [EndpointFailure.of(where, error) for where, error in sorted(looked.failed.items())]
    if looked.waiting:
        wait = next_wait((now - seen.since).total_seconds())
        steps = tuple(looked.waiting)
        changes = {"wait_s": wait, "steps": steps, "facts": facts, "failures": tuple(failures)}
        return seen.model_copy(update=changes)
    return _seen(before, facts, tuple(failures), None if as_it_is else backup)


def _surveys(told: Pending, backup: ChosenBackup | None) -> tuple[NodeSurvey, ...]:
    """As they are; a host that has nothing yet is what the backup knew under its name."""
    known = {survey.node: survey for survey in (backup.plan.surveys if backup and backup.plan else ())}
    return tuple(
        survey if survey.etcd or survey.node not in known else _like(survey, known[survey.node])
        for survey in told.surveys
    )


def _like(survey: NodeSurvey, known: NodeSurvey) -> NodeSurvey:
    """The layout that the backup knew, on the host as it is: its tools, room and clock."""
    kept = ("topology", "etcd", "apiserver", "kubernetes_version")
    changes = {name: getattr(known, name) for name in kept}
    return survey.model_copy(update=changes | {"static_pod_path": survey.static_pod_path or known.static_pod_path})


def _seen(
    before: Pending,
    facts: dict[str, RestoreFacts],
    failures: tuple[EndpointFailure, ...],
    backup: ChosenBackup | None,
) -> RestoreSeen:
    told = NodesTold(before.surveys, before.etcds, (*before.failures, *failures), ())
    etcd = told.etcd if told.etcds else None
    return RestoreSeen(
        surveys=_surveys(before, backup),
        facts=facts,
        etcd=etcd,
        members=etcd.members if etcd else (),
        nodes=told.nodes,
        failures=told.failures,
    )


def chosen_backup(services: Services, cluster_id: str, backup_id: str) -> ChosenBackup:
    """What is stored of it, for a restore: nothing that the manifest says is believed before its signature.
    PermanentError `backup_unknown`, and the codes of engine/signing.py: load_signed."""
    return _stored(services, load_signed(services, cluster_id, backup_id))


def stored_backup(services: Services, cluster_id: str, backup_id: str) -> ChosenBackup:
    """The same for a page about it: nobody asked for its signature."""
    manifest, body = load_manifest(services.reader, cluster_id, backup_id)
    return _stored(services, SignedManifest(manifest, body, "unchecked"))


def _stored(services: Services, signed: SignedManifest) -> ChosenBackup:
    manifest = signed.manifest
    cluster_id, backup_id = manifest.cluster_id, manifest.backup_id
    entry = find_backup(services.reader, cluster_id, backup_id)
    if entry is None:
        raise PermanentError("backup_unknown", f"cluster {cluster_id} has no backup {backup_id}")
    verified = find_report(services.reader, cluster_id, backup_id)
    return ChosenBackup(
        state=entry.state,
        manifest=manifest,
        # A report about other bytes is none about these.
        verified=verified if verified and verified.manifest_sha256 == signed.sha256 else None,
        plan=_plan_of(services, manifest),
        signature=signed.signature,
        manifest_sha256=signed.sha256,
    )


def newest_files(services: Services, cluster_id: str, node: str) -> ChosenBackup | None:
    """The newest backup with the files of that node, a verified one before a sealed one; None when there is none."""
    # Whoever has lost a node may have lost the catalogue too.
    entries = look_at_objects(services.reader, cluster_id)
    for state in ("verified", "sealed"):
        for entry in entries:
            if entry.state != state:
                continue
            try:
                backup = chosen_backup(services, cluster_id, entry.backup_id)
            except PermanentError as error:
                if error.code not in _NOT_TO_BE_READ:
                    raise
                continue
            if backup.bundle_of(node) and backup.survey_of(node):
                return backup
    return None


def _plan_of(services: Services, manifest: Manifest) -> BackupPlan | None:
    """A restore's emergency backup has its plan beside that of its run.

    RefusedError `backup_plan_changed` for a plan that is not the one which the manifest tells of: a restore takes from
    it where the files of lost nodes go.
    """
    found = False
    for name, parse in ((PLAN, _own_plan), (EMERGENCY, _emergency_plan)):
        body = read_if_there(services.reader, run_key(manifest.cluster_id, manifest.run_id, name))
        if body is None:
            continue
        found = True
        if manifest.plan_sha256 in (None, hashlib.sha256(body).hexdigest()) and (plan := parse(body)):
            return plan
    if found and manifest.plan_sha256:
        raise RefusedError(
            "backup_plan_changed",
            f"{run_key(manifest.cluster_id, manifest.run_id, PLAN)} is not the plan that the backup "
            f"{manifest.backup_id} was made by",
            hint="Somebody wrote into the bucket: look who. Use another backup, or an older version of this object.",
        )
    return None


def _own_plan(body: bytes) -> BackupPlan | None:
    """None for the plan of a restore, which names its job."""
    return None if "job" in json.loads(body) else BackupPlan.model_validate_json(body)


def _emergency_plan(body: bytes) -> BackupPlan:
    return BackupPlan.model_validate(json.loads(body)["backup"])
