"""What the replacement of a member is told, and the variables of its scripts (node/restore/openshift/)."""

from dataclasses import dataclass
from typing import Literal

from holdfast.drivers.restore import TaskNode

# How the member's place is filled again. machine: a Machine is made of the old one's own manifest. machine-set: the
# ControlPlaneMachineSet makes one when the old one is deleted. by-hand: a person brings the host back, as on bare metal
# and where the user brought the hosts. same-node: the node is sound, its etcd is not.
Way = Literal["machine", "machine-set", "by-hand", "same-node"]


@dataclass(frozen=True)
class MemberTask:
    """`name` is the lost node's in Kubernetes, and its member's in etcd; `host` its own host in the cluster file, which
    only the way "same-node" needs. `helper` is the host that does the rest.

    `member_id` is "" when the list has it no more. `corrupt`: it may well answer all the same. `known` are the names of
    the Machines that there are. `guarded`: this release has a quorum guard that may be told to step back (4.10 on).
    `tallies` say what the quorum is before the removal and after it, `voters` how many there shall be in the end.
    `instructions` are what a person has to do in the way "by-hand".
    """

    run_id: str
    name: str
    way: Way
    helper: TaskNode
    host: TaskNode | None
    member_id: str
    corrupt: bool
    machine: str
    new_machine: str
    known: tuple[str, ...]
    guarded: bool
    voters: int
    raw_size: int
    tallies: tuple[str, str]
    instructions: str = ""

    @property
    def lacks_machine(self) -> bool:
        """Hosts come by Machines here, and the lost one has none: there is no manifest to make another one of."""
        return self.way == "by-hand" and bool(self.known) and not self.machine


def secrets(name: str) -> str:
    """The three that hold a member's certificates; the operator makes new ones for a node that has none."""
    return f"etcd-peer-{name} etcd-serving-{name} etcd-serving-metrics-{name}"
