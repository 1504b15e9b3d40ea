"""Whole backups through nodes in memory: functions that are called again, that die, and what they write down."""

import json
from collections.abc import Callable

import pytest

from builders.doubled_nodes import DoubledNodes, failure, node_names, nodes_spec
from builders.doubled_runs import CLUSTER, RUN, left, manifest_of, run, states, three, through, timed
from builders.machine import BackupMachine, Killed
from builders.services import START, MemoryServices, services_with
from holdfast.engine.outcome import stop
from holdfast.errors import TransientError
from holdfast.models.run import StatusChangeEvent


def test_a_backup_through_nodes_is_verified_and_has_every_nodes_bundle() -> None:
    services, _ = three()
    manifest = manifest_of(services, run(services))
    assert [bundle.node for bundle in manifest.bundles] == ["n1", "n2", "n3"]
    assert (manifest.source.node, manifest.snapshot.compression) == ("n2", "zstd")
    assert manifest.warnings == ()
    assert left(services) == []


@pytest.mark.parametrize("looks", [0, 1, 3])
def test_every_phase_called_twice_with_the_same_input_ends_in_one_backup(looks: int) -> None:
    services, nodes = three()
    transport = through(nodes, looks=looks)
    manifest_of(services, run(services, repeat=True))
    assert left(services) == []
    keys = [key for key in transport.started if ".snapshot." not in key[1]]
    assert len(set(keys)) == len(keys), "no survey and no bundle is made twice"


def test_an_attempt_that_failed_is_made_again_once_however_often_its_end_is_looked_at() -> None:
    services, nodes = three()
    transport = through(nodes, looks=0)
    nodes.snapshot_answers = [failure("upload_unreachable")]
    manifest = manifest_of(services, run(services, repeat=True))
    keys = [key for _, key in transport.started if ".snapshot." in key]
    assert keys == [f"{RUN}.snapshot.snapshot.{attempt}" for attempt in range(1, len(keys) + 1)]
    assert "upload_unreachable" in manifest.warnings[0]
    assert left(services) == []


@pytest.mark.parametrize("method", ["begin_upload", "part_urls", "sent_parts", "complete_upload", "read_url"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_store_that_is_away_for_a_while_costs_no_second_snapshot(method: str, times: int) -> None:
    services, nodes = three()
    transport = through(nodes)
    away = TransientError("storage_unavailable", "503 Slow Down")
    services.grants.fail(method, *[away] * times)
    manifest = manifest_of(services, run(services))
    assert [key for _, key in transport.started if ".snapshot." in key] == [f"{RUN}.snapshot.snapshot.1"]
    assert manifest.warnings == ()


PLACES = ("begin_upload", "part_urls", "read_url", "sent_parts", "complete_upload")


def dies_once(services: MemoryServices, place: str, *, after: bool) -> None:
    """The function that next calls that method of the grants is killed, before or after it."""
    grants = services.grants
    original: Callable[..., object] = getattr(grants, place)

    def dying(*arguments: object, **options: object) -> object:
        setattr(grants, place, original)
        if after:
            original(*arguments, **options)
        raise TransientError("killed", "the function was ended")

    setattr(grants, place, dying)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("looks", [0, 2])
def test_a_function_that_dies_at_the_store_is_tried_again_and_leaves_nothing(
    place: str, after: bool, looks: int
) -> None:
    services, nodes = three()
    through(nodes, looks=looks)
    dies_once(services, place, after=after)
    manifest_of(services, run(services))
    assert left(services) == []


@pytest.mark.parametrize("phase", ["Started", "Snapshot", "Secrets", "Seal", "Verify", "Retain"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_run_stopped_at_any_look_leaves_nothing_on_nodes_or_in_buckets(phase: str, nth: int) -> None:
    services, nodes = three()
    transport = through(nodes, looks=2)
    seen = 0

    def kill(name: str) -> None:
        nonlocal seen
        seen += name == phase
        if name == phase and seen == nth:
            raise Killed

    machine = timed(BackupMachine(services, on_phase=kill))
    if nth > 1 and phase in ("Seal", "Verify", "Retain"):
        machine.execute(CLUSTER, START)
        return
    with pytest.raises(Killed):
        machine.execute(CLUSTER, START)
    detail = {"name": RUN, "status": "ABORTED", "startDate": START, "input": json.dumps({"cluster": CLUSTER})}
    outcome = stop(services, StatusChangeEvent.model_validate({"detail": detail}))
    assert outcome.status == "failed"
    assert left(services) == []
    assert services.leases.holder(CLUSTER) is None
    if transport.started:
        assert set(transport.cancelled) == {(node, f"{RUN}.") for node in transport.nodes}


def test_neither_states_nor_records_nor_objects_hold_a_url_and_states_stay_small() -> None:
    services = services_with(nodes_spec(count=7))
    nodes = DoubledNodes(services, count=7, members=7)
    nodes.snapshot_answers = [failure("upload_unreachable")]
    through(nodes, looks=2)
    texts: list[str] = []
    machine = timed(BackupMachine(services, on_phase=lambda _: texts.append(states(machine))))
    outcome = machine.execute(CLUSTER, START)
    manifest_of(services, outcome)
    assert max(map(len, texts)) < 262_144 / 4
    texts += [outcome.model_dump_json(), services.runs.get(CLUSTER, RUN).model_dump_json()]
    texts += [stored.body.decode("latin-1") for stored in services.bucket.objects.values()]
    assert not [text[:200] for text in texts if "memory://" in text]


def test_what_the_chosen_node_says_of_its_snapshot_is_in_the_runs_record() -> None:
    services, nodes = three()
    through(nodes, looks=3).says = dict.fromkeys(node_names(3), "Snapshot saved at ./work/pair")
    heard: list[tuple[str, dict[str, str]]] = []

    def listen(_seconds: int) -> None:
        progress = services.runs.get(CLUSTER, RUN).progress
        heard.append((progress.phase, progress.said))

    outcome = run(services, on_wait=listen)
    chosen = manifest_of(services, outcome).source.node
    assert ("Snapshot", {chosen: "Snapshot saved at ./work/pair"}) in heard
