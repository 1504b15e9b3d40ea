"""Snapshot, for clusters that are reached through their nodes: the node takes, packs and sends it, by presigned URLs.

The function begins the upload, hands out the URLs, looks from time to time, and makes the object of the parts that the
store says it has. The node never holds a credential; what it says is checked against the store.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from holdfast.drivers.base import Driver
from holdfast.engine.node_steps import ATTEMPTS, Looked, first_step, look, report_of
from holdfast.engine.progress import ReportedProgress
from holdfast.engine.services import Services
from holdfast.engine.urls import values_of
from holdfast.errors import DamagedError, HoldfastError, PermanentError, TransientError
from holdfast.models.backup import Compression, SnapshotObject
from holdfast.models.command import Command
from holdfast.models.node import EtcdLayout, NodeSurvey, SnapshotReport
from holdfast.models.plan import BackupPlan
from holdfast.models.run import BackupState, Pending
from holdfast.planning.naming import backup_key, backup_prefix, run_key, snapshot_name
from holdfast.planning.parts import part_count
from holdfast.planning.waiting import first_wait, next_wait
from holdfast.storage.base import Completed
from holdfast.transports.base import Running, Transport

PHASE: Final = "Snapshot"
# The list of presigned URLs of one upload; overwritten with nothing when it is no longer needed.
URLS = "upload.txt"
# Of every URL that a node is handed, seconds. It only has to outlive the begin of a request: a node looks for fresh
# ones once a minute while it sends parts, and what else it does is tried again with new ones.
URL_LIFE_S = 900
# The list is written anew at the first look after this. Looks are about a minute apart, and a node that does not answer
# for ten minutes is given up.
RENEWED = timedelta(minutes=4)
# What another attempt mends: an upload that is gone, or that is not the one which the node filled, as when a function
# began a second one because it did not live to tell of the first; and a compressor that is there and does not work.
_MENDED = ("upload_gone", "object_size_mismatch", "node_compression_changed")
# Between a failed attempt and the next one, seconds; a rollout takes minutes for each node.
PAUSE_S = 10
PAUSES_S = {"openshift_progressing": 270}


def snapshot_by_node(
    services: Services, transport: Transport, driver: Driver, plan: BackupPlan, state: BackupState
) -> BackupState:
    """One look at the snapshot on its node; starts it when `state.pending` is None."""
    now = services.clock()
    work = _Work(services, transport, driver, plan, state)
    pending = state.pending or work.begin(now, compression=work.expected_compression)
    looked = look(transport, pending.steps, work.command, now)
    node = plan.member.node
    try:
        report = _report(node, looked)
    except TransientError as error:
        if node in looked.failed:
            # It may still be at work, as nobody could tell; two at once would need twice the room.
            with suppress(HoldfastError):
                transport.cancel(node, pending.steps[0].key)
        return work.begin_again(pending, error, now)
    if report is None:
        if node in looked.running:
            work.report(looked.running[node])
        pending = work.renewed(pending, now)
        wait = pending.wait_s if state.pending is None else next_wait((now - pending.since).total_seconds())
        waiting = pending.model_copy(update={"steps": tuple(looked.waiting), "wait_s": wait})
        return state.model_copy(update={"pending": waiting})
    try:
        snapshot = work.complete(pending, report, now)
    except HoldfastError as error:
        # A store that is away for a moment is no reason to take another snapshot: this look is tried again.
        if error.code not in _MENDED:
            raise
        return work.begin_again(pending, error, now, compression=report.compression)
    notes = (*state.notes, *(f"{node}: {warning}" for warning in report.warnings))
    kept = pending.steps[0].key if plan.pair and not plan.keep_at else None
    dirty = plan.force or report.possibly_dirty
    changes = {"snapshot": snapshot, "kept": kept, "possibly_dirty": dirty, "notes": notes}
    return state.model_copy(update={"pending": None, **changes})


def _cluster_at(url: str) -> str:
    """Where a cluster's objects begin, of the URL of a list of its runs. Whoever writes into the bucket may write that
    list over, and must not have the snapshot sent to a place of his."""
    return url.partition("?")[0].rpartition("/runs/")[0] + "/"


def _report(node: str, looked: Looked) -> SnapshotReport | None:
    """None while the node is at work."""
    if node in looked.failed:
        raise looked.failed[node]
    return report_of(node, looked.done[node], SnapshotReport) if node in looked.done else None


class _Work:
    """One backup's snapshot: what every look at it needs."""

    def __init__(
        self, services: Services, transport: Transport, driver: Driver, plan: BackupPlan, state: BackupState
    ) -> None:
        self._services, self._transport, self._driver = services, transport, driver
        self._plan, self._state = plan, state
        self._survey = survey_of(plan, plan.member.node)
        self.expected_compression: Compression = "zstd" if "zstd" in self._survey.tools else "gzip"
        self._urls = run_key(state.run.cluster_id, state.run.run_id, URLS)

    def _key(self, compression: Compression) -> str:
        run = self._state.run
        return backup_key(run.cluster_id, run.backup_id, snapshot_name(compression))

    def begin_again(
        self, pending: Pending, error: HoldfastError, now: datetime, *, compression: Compression | None = None
    ) -> BackupState:
        """The next attempt, with what the last one packed with; the error itself when there were enough."""
        step = pending.steps[0]
        if step.attempt == ATTEMPTS:
            raise error
        again = self.begin(now, attempt=step.attempt + 1, compression=compression or pending.compression)
        again = again.model_copy(update={"wait_s": PAUSES_S.get(error.code, PAUSE_S)})
        if self._plan.pair:
            # What it kept belongs to a snapshot that nobody takes any more.
            anew = again.steps[0].model_copy(update={"replaces": step.key})
            again = again.model_copy(update={"steps": (anew,)})
        notes = (*self._state.notes, f"attempt {step.attempt} on {step.node} failed: {error.code}: {error.message}")
        rolled_out = self._state.rolled_out or error.code == "openshift_progressing"
        return self._state.model_copy(update={"pending": again, "notes": notes, "rolled_out": rolled_out})

    def begin(self, now: datetime, *, attempt: int = 1, compression: Compression) -> Pending:
        """A new upload with its URLs. Whatever an earlier attempt left in the bucket is aborted."""
        run, plan, grants = self._state.run, self._plan, self._services.grants
        self._services.writer.abort_uploads(backup_prefix(run.cluster_id, run.backup_id))
        key = self._key(compression)
        upload_id = grants.begin_upload(key, content_type=f"application/{compression}")
        step = first_step(plan.member.node, run.run_id, PHASE, "snapshot", now, attempt=attempt)
        if "exec" in self._transport.capabilities:
            self._save_by_exec()
        self._list_urls(key, upload_id)
        return Pending(
            stage="snapshot",
            wait_s=first_wait(plan.expected_bytes),
            since=now,
            steps=(step,),
            upload_id=upload_id,
            compression=compression,
            listed_at=self._services.clock(),
        )

    def _list_urls(self, key: str, upload_id: str) -> None:
        """One line for each part, and where the node finds the next list: this one, by a URL as fresh as the others."""
        plan, grants = self._plan, self._services.grants
        count = part_count(plan.expected_bytes, plan.part_bytes)
        urls = grants.part_urls(key, upload_id, count, expires_s=URL_LIFE_S)
        here = grants.read_url(self._urls, expires_s=URL_LIFE_S)
        text = "".join(f"{url.get_secret_value()}\n" for url in urls) + f"renew {here.get_secret_value()}\n"
        self._services.writer.put(self._urls, text.encode(), content_type="text/plain")

    def renewed(self, pending: Pending, now: datetime) -> Pending:
        """Fresh URLs for a node that is at work, as far as anybody knows."""
        if now - (pending.listed_at or pending.since) < RENEWED:
            return pending
        self._list_urls(self._key(pending.compression), pending.upload_id)
        return pending.model_copy(update={"listed_at": now})

    def command(self, _node: str) -> Command:
        """With a fresh URL of the list each time; a step that is under way has its own already."""
        plan = self._plan
        sizes = {"expected_bytes": plan.expected_bytes, "part_bytes": plan.part_bytes}
        if "exec" in self._transport.capabilities:
            command = self._driver.ship(self._survey, self._saved(host=True), **sizes)
        else:
            command = self._driver.snapshot(self._survey, member_id=plan.member.member_id, **sizes)
        url = self._services.grants.read_url(self._urls, expires_s=URL_LIFE_S)
        use = values_of(self._services.grants.url_use(self._urls))
        values = {**command.values, **use, "only_below": _cluster_at(url.get_secret_value())}
        if plan.pair:
            values |= {"force": "1" if plan.force else "", "keep_at": plan.keep_at or ""}
        return Command(command.script, values, {"plan_url": url}, command.timeout_s)

    def _saved(self, *, host: bool) -> str:
        """The one place that etcd's container and its host both see is the data directory."""
        layout = self._layout()
        folder = layout.host_data_dir if host else layout.data_dir
        return f"{folder}/holdfast-{self._state.run.backup_id}.db"

    def _layout(self) -> EtcdLayout:
        if self._survey.etcd is None:
            raise PermanentError("no_etcd_here", f"{self._survey.node} runs no etcd member")
        return self._survey.etcd

    def _save_by_exec(self) -> None:
        argv = self._driver.save_argv(self._layout(), self._saved(host=False))
        result = self._transport.exec(self._survey.node, argv, timeout_s=600.0)
        if result.exit_code != 0:
            lines = (result.stderr or result.stdout).strip().splitlines() or ["it said nothing"]
            text = f"{self._survey.node}: etcdctl snapshot save ended with {result.exit_code}: {lines[-1][:300]}"
            raise PermanentError("node_snapshot_failed", text, hint="Look at the member's log and at its disk.")

    def report(self, running: Running) -> None:
        """What it says counts until it sends: from then on the figures tell more."""
        said = {self._plan.member.node: running.said} if running.said and not running.done else {}
        progress = ReportedProgress(self._services, self._state.run, PHASE, self._plan.expected_bytes)
        progress.report(running.done, said)

    def complete(self, pending: Pending, report: SnapshotReport, now: datetime) -> SnapshotObject:
        """Make the object of the parts that the store has. Called again, it finds the object made."""
        if report.compression != pending.compression:
            raise TransientError(
                "node_compression_changed",
                f"{self._survey.node} packed with {report.compression}, and {pending.compression} was expected",
                hint="It is tried again with what does work; see whether zstd is whole on the node.",
            )
        key = self._key(pending.compression)
        completed = self._completed(key, pending.upload_id, report)
        self._services.writer.put(self._urls, b"", content_type="text/plain")
        started = pending.steps[0].since
        # The node's own clock tells how long it took, within what passed here.
        took = min(max(report.finished - report.started, 0), max((now - started).total_seconds(), 0.0))
        return SnapshotObject(
            key=key,
            size=report.size,
            object_sha256=report.object_sha256,
            raw_size=report.raw_size,
            sha256=report.sha256,
            checksum=completed.checksum,
            compression=report.compression,
            version_id=completed.version_id,
            started_at=started,
            finished_at=started + timedelta(seconds=took),
        )

    def _completed(self, key: str, upload_id: str, report: SnapshotReport) -> Completed:
        grants = self._services.grants
        try:
            parts = grants.sent_parts(key, upload_id)
        except PermanentError as error:
            if error.code != "upload_gone":
                raise
            return self._made_before(key, report, error)
        sizes = [part.size for part in parts]
        if [part.number for part in parts] != list(range(1, report.parts + 1)) or sum(sizes) != report.size:
            raise DamagedError(
                "object_size_mismatch",
                f"{key}: the store has {len(sizes)} parts of {sum(sizes)} bytes; the node sent {report.parts} "
                f"of {report.size}",
                hint="Run the backup again.",
            )
        return grants.complete_upload(key, upload_id, parts)

    def _made_before(self, key: str, report: SnapshotReport, gone: HoldfastError) -> Completed:
        """An earlier call may have completed the upload and died before it could say so."""
        try:
            stored = self._services.reader.head(key)
        except PermanentError:
            raise gone from None
        if stored.size != report.size:
            raise gone
        return Completed(checksum=stored.checksum, version_id=stored.version_id)


def survey_of(plan: BackupPlan, node: str) -> NodeSurvey:
    for survey in plan.surveys:
        if survey.node == node:
            return survey
    raise PermanentError("node_unknown", f"the plan has no survey of the node {node!r}")
