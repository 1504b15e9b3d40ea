"""How long a restore takes, from the approval to a control plane that is back, beside a script of the same steps.

HOLDFAST_E2E_RESTORE=yes python -m bench.restore -o json

It takes the cluster of HOLDFAST_E2E_KUBECONFIG and HOLDFAST_E2E_SSH_CONFIG (tests/README.md) down and back in time,
twice in each round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.command import machine
from bench.fill import MB
from bench.problem import BenchError
from holdfast.errors import HoldfastError

# What knows a real cluster is the tests', which are no package of the product's.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench.restore_lab import Backup, Lab, lab_of
from bench.restore_ways import Timed, by_hand, by_holdfast
from builders.real_cluster import RealCluster
from builders.real_restore import ALLOWED

# A control plane that came back a moment ago still works for a while.
_SETTLE_S = 30


@dataclass(frozen=True)
class Round:
    backup: Backup
    holdfast: Timed
    by_hand: Timed

    @property
    def ratio(self) -> float:
        return self.holdfast.ready_s / self.by_hand.ready_s


def measure_round(lab: Lab, number: int, note: Console) -> Round:
    """One backup, restored by both; who is first changes from round to round."""
    kept = f"holdfast-kept-{uuid.uuid4().hex[:6]}"
    lab.probe.wait_until_up()
    lab.there.make(kept)
    backup = lab.back_up()
    ways: dict[str, Callable[[], Timed]] = {
        "Holdfast": lambda: by_holdfast(lab, backup),
        "by hand": lambda: by_hand(lab, backup, f"by-hand-{uuid.uuid4().hex[:6]}"),
    }
    found: dict[str, Timed] = {}
    for way in sorted(ways, reverse=number % 2 == 1):
        found[way] = _restored(lab, kept, ways[way])
        note.print(f"round {number + 1}, {way}: {found[way].ready_s:.1f} s")
    lab.there.remove(kept)
    return Round(backup, found["Holdfast"], found["by hand"])


def _restored(lab: Lab, kept: str, way: Callable[[], Timed]) -> Timed:
    """What went since the backup has to be back after it, and what came has to be gone."""
    there, made = lab.there, f"holdfast-made-{uuid.uuid4().hex[:6]}"
    there.remove(kept)
    there.make(made)
    time.sleep(_SETTLE_S)
    os.sync()  # nobody pays for what the one before left to be written
    timed = way()
    lab.probe.wait_until_up()
    if not there.exists(kept) or there.exists(made):
        raise BenchError("the cluster is not what it was at the backup")
    if there.ready_nodes() < len(there.cluster.nodes):
        raise BenchError("not every node is Ready")
    for node in there.cluster.nodes:  # too many of them would fill the disk
        there.cluster.ssh(node, "".join(f"rm -rf -- '{folder}'\n" for folder in timed.kept))
    return timed


def figures(rounds: list[Round]) -> dict[str, object]:
    holdfast, script = [each.holdfast for each in rounds], [each.by_hand for each in rounds]
    return {
        "db_mb": round(rounds[-1].backup.size / MB, 1),
        "holdfast_s": _middle(each.ready_s for each in holdfast),
        "by_hand_s": _middle(each.ready_s for each in script),
        "ratio": _middle(each.ratio for each in rounds),
        "holdfast_first_api_s": _middle(each.first_api_s for each in holdfast),
        "by_hand_first_api_s": _middle(each.first_api_s for each in script),
        "holdfast_end_s": _middle(each.end_s for each in holdfast),
        "by_hand_end_s": _middle(each.end_s for each in script),
        "holdfast_phases_s": _middles([each.phases_s for each in holdfast]),
        "holdfast_steps_s": _middles([each.steps_s for each in holdfast]),
        "by_hand_steps_s": _middles([each.steps_s for each in script]),
        "each_round": [
            {
                "holdfast_s": round(each.holdfast.ready_s, 2),
                "by_hand_s": round(each.by_hand.ready_s, 2),
                "ratio": round(each.ratio, 2),
                "holdfast_load": round(each.holdfast.load, 1),
                "by_hand_load": round(each.by_hand.load, 1),
            }
            for each in rounds
        ],
    }


def _middle(values: Iterable[float]) -> float:
    return round(median(values), 2)


def _middles(values: list[dict[str, float]]) -> dict[str, float]:
    return {name: _middle(each[name] for each in values) for name in values[-1]}


def run(rounds: int, note: Console) -> dict[str, object]:
    if os.environ.get(ALLOWED) != "yes":
        raise BenchError(f"it takes the cluster down and back in time: set {ALLOWED}=yes for one that may be")
    try:
        cluster = RealCluster.from_environment()
        nodes = len(cluster.nodes)
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, lab_of(cluster, Path(name), note) as lab:
            found = figures([measure_round(lab, number, note) for number in range(rounds)])
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{error} {error.stderr}") from error
    except (AssertionError, HoldfastError, OSError, RuntimeError) as error:
        raise BenchError(str(error)) from error
    return {"machine": machine(), "nodes": nodes, "rounds": rounds, **found}


def main() -> int:
    parser = argparse.ArgumentParser(description="measure a restore against a script of the same steps")
    parser.add_argument("--rounds", type=int, default=2, help="figures are medians over them (default 2)")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    arguments = parser.parse_args()
    note = Console(stderr=True)
    try:
        found = run(arguments.rounds, note)
    except BenchError as error:
        note.print(f"error: {error}", style="red", markup=False)
        return 1
    if arguments.output == "json":
        print(json.dumps(found, indent=2))
        return 0
    table = Table("figure", "value", title="restore")
    for figure, value in found.items():
        table.add_row(figure, str(value))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
