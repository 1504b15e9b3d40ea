"""Backups through nodes in memory that are lost, late, or lie."""

import json
from datetime import timedelta

import pytest

from builders.doubled_runs import CLUSTER, RUN, left, manifest_of, run, states, three, through, timed
from builders.machine import BackupMachine
from builders.services import START
from holdfast.errors import TransientError
from holdfast.models.command import Command, CommandResult


def test_a_node_lost_for_good_in_mid_snapshot_fails_the_run_readably_and_leaves_nothing() -> None:
    services, nodes = three()
    transport = through(nodes)
    gone = TransientError("node_unreachable", "n2: no route to host")

    def lost(name: str) -> None:
        if name == "Snapshot":
            transport.fail("run", gone)

    machine = timed(BackupMachine(services, on_phase=lost))
    outcome = machine.execute(CLUSTER, START)
    assert outcome.status == "failed"
    assert outcome.error
    assert (outcome.error.code, "n2" in outcome.error.message) == ("node_unreachable", True)
    assert outcome.finished_at - START < timedelta(hours=1)
    assert left(services) == []


def test_a_node_that_is_away_late_in_its_work_is_waited_for_as_long_as_an_early_one() -> None:
    services, nodes = three()
    transport = through(nodes, looks=0)
    away = TransientError("node_unreachable", "n2: no route to host")
    began, misses = services.clock.now, 0

    def on_phase(name: str) -> None:
        nonlocal began, misses
        began = services.clock.now if name == "Started" else began
        transport.looks = 1_000 if name == "Snapshot" else 0
        if name == "Snapshot" and services.clock.now - began > timedelta(minutes=11):
            if misses == 2:
                transport.end("n2")
            else:
                misses += 1
                transport.fail("run", away)

    manifest = manifest_of(services, run(services, on_phase=on_phase))
    assert misses == 2
    assert manifest.warnings == ()
    assert [key for _, key in transport.started if ".snapshot." in key] == [f"{RUN}.snapshot.snapshot.1"]


@pytest.mark.parametrize("jump", [timedelta(hours=-3), timedelta(minutes=14)], ids=["back", "ahead"])
def test_a_clock_of_the_function_that_jumps_costs_no_sense(jump: timedelta) -> None:
    services, nodes = three()
    through(nodes, looks=2)
    jumped = False

    def on_phase(name: str) -> None:
        nonlocal jumped
        if name == "Snapshot" and not jumped and states(machine).count('"stage":"snapshot"'):
            jumped = True
            services.clock.advance(jump)

    machine = timed(BackupMachine(services, on_phase=on_phase))
    manifest = manifest_of(services, machine.execute(CLUSTER, START))
    assert jumped
    assert manifest.snapshot.finished_at >= manifest.snapshot.started_at


HOSTILE: dict[str, dict[str, object]] = {
    "huge times": {"started": -(10**30), "finished": 10**30},
    "negative times": {"started": 10, "finished": -5},
    "huge raw size": {"raw_size": 10**30},
    "another size": {"size": 7},
    "another hash": {"sha256": "0" * 64},
    "another object": {"object_sha256": "0" * 64},
    "no parts": {"parts": 0},
    "parts that are not there": {"parts": 2},
    "10,001 parts": {"parts": 10_001},
    "no number": {"size": float("nan")},
    "control characters": {"warnings": ["\x1b[2J\x1b]0;owned\x07 all is well\n\nreally"]},
    "long warnings": {"warnings": ["w" * 15_000, *["x"] * 500]},
    "another member": {"member_id": "1"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nonsense_in_a_nodes_report_ends_in_a_sound_backup_or_a_clear_error(name: str) -> None:
    services, nodes = three()
    nodes.edit = lambda report: report | (HOSTILE[name] if "raw_size" in report else {})
    outcome = run(services)
    text = outcome.model_dump_json()
    assert "unclassified" not in text
    assert not [character for warning in outcome.warnings for character in warning if not character.isprintable()]
    assert sum(map(len, outcome.warnings)) < 10_000
    if outcome.status == "succeeded":
        manifest = manifest_of(services, outcome)
        took = manifest.snapshot.finished_at - manifest.snapshot.started_at
        assert timedelta(0) <= took < timedelta(hours=1)
    else:
        assert outcome.error
        assert outcome.error.message
    assert left(services) == []


@pytest.mark.parametrize("text", ["[" * 20_000, '{"a":' * 4_000, "9" * 9_000, "\x00", '{"code": "x\ud800"}'])
@pytest.mark.parametrize("code", [0, 1])
def test_an_answer_that_is_meant_to_hurt_is_an_error_of_ours(text: str, code: int) -> None:
    services, nodes = three()
    nodes.snapshot_answers = [CommandResult(code, text)]
    outcome = run(services)
    assert outcome.error
    assert outcome.error.code in ("node_output_unreadable", "node_script_failed")


def test_control_characters_in_a_nodes_words_reach_no_terminal() -> None:
    services, nodes = three()
    nodes.snapshot_answers = [
        CommandResult(1, json.dumps({"code": "node_tool_failed", "message": "\x1b[31mred\x07\r\n"}), "\x1b[2Jgone")
    ]
    outcome = run(services)
    assert outcome.error
    assert (outcome.error.message + outcome.error.hint).isprintable()


def test_a_zstd_that_is_there_and_broken_ends_in_a_backup_with_gzip() -> None:
    services, _ = three(packs_with="gzip")
    manifest = manifest_of(services, run(services))
    assert manifest.snapshot.compression == "gzip"
    assert manifest.snapshot.key.endswith("snapshot.db.gz")
    assert [key for key in services.bucket.objects if "snapshot.db" in key] == [manifest.snapshot.key]
    (warning,) = manifest.warnings
    assert "n2" in warning
    assert "gzip" in warning
    assert left(services) == []


def test_a_compressor_that_changes_at_every_attempt_is_told_and_leaves_nothing() -> None:
    services, nodes = three()

    def flip(_node: str, command: Command) -> None:
        if "plan_url" in command.secrets:
            nodes.packs_with = "gzip" if nodes.packs_with == "zstd" else "zstd"

    nodes.on_command = flip
    outcome = run(services)
    assert outcome.error
    assert outcome.error.code == "node_compression_changed"
    assert left(services) == []
