"""Who plans a change of a control plane. Distributions whose members are restored one by one share a way of planning;
one whose vendor brings a procedure has its own."""

from datetime import datetime
from typing import Protocol

from holdfast.models.cluster import ClusterSpec
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.planning.member_planner import MemberPlanner
from holdfast.planning.openshift_planner import OpenShiftPlanner
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen


class Planner(Protocol):
    """`backup` is the one that is restored; in a replacement the newest one that has the node's files, if any."""

    def findings(
        self, spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup | None, request: ChangeRequest, now: datetime
    ) -> tuple[Finding, ...]:
        """What speaks against the request, or is worth saying, in the order refuse, warn, info."""

    def plan(
        self,
        spec: ClusterSpec,
        seen: RestoreSeen,
        backup: ChosenBackup | None,
        request: ChangeRequest,
        *,
        run_id: str,
        emergency: str | None,
        findings: tuple[Finding, ...],
        now: datetime,
    ) -> RestorePlan:
        """`emergency` is the id of the backup that is made first. RefusedError with the code of the first finding that
        refuses, when that leaves nothing to plan with."""


_PLANNERS: dict[str, Planner] = {"openshift": OpenShiftPlanner()}
_BY_MEMBERS = MemberPlanner()


def planner_of(driver: str) -> Planner:
    return _PLANNERS.get(driver, _BY_MEMBERS)
