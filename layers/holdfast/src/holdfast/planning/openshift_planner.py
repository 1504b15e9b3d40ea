"""Changes of OpenShift's control plane: its vendor brings a procedure for each, and planning follows it."""

from dataclasses import dataclass
from datetime import datetime

from holdfast.errors import RefusedError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.planning.openshift_csrs import csr_findings, plan_csrs
from holdfast.planning.openshift_replace import openshift_replacement_findings
from holdfast.planning.openshift_replace_plan import plan_openshift_replacement
from holdfast.planning.openshift_restore_findings import openshift_restore_findings, quorum_findings
from holdfast.planning.openshift_restore_plan import plan_openshift_restore, plan_quorum_restore
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen


@dataclass(frozen=True)
class OpenShiftPlanner:
    """planning/planners.py: Planner."""

    def findings(
        self, spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup | None, request: ChangeRequest, now: datetime
    ) -> tuple[Finding, ...]:
        if request.replace:
            return openshift_replacement_findings(spec, seen, request.replace, request, now)
        if request.quorum:
            return quorum_findings(spec, seen, request)
        if request.csrs:
            return csr_findings(seen, request)
        if backup and request.backup:
            return openshift_restore_findings(spec, seen, backup, request)
        raise _unknown(request)

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
        if request.replace:
            return plan_openshift_replacement(
                spec, seen, request.replace, request, run_id=run_id, emergency=emergency, findings=findings, now=now
            )
        if request.quorum:
            return plan_quorum_restore(
                spec, seen, request, run_id=run_id, emergency=emergency, findings=findings, now=now
            )
        if request.csrs:
            return plan_csrs(spec, seen, request, run_id=run_id, findings=findings, now=now)
        if backup and request.backup:
            return plan_openshift_restore(
                spec, seen, backup, request, run_id=run_id, emergency=emergency, findings=findings, now=now
            )
        raise _unknown(request)


def _unknown(request: ChangeRequest) -> RefusedError:
    return RefusedError("mode_unsupported", f"a {request.job} is not known on OpenShift")
