"""Changes of clusters whose members are restored, or replaced, one by one: where planning knows every step of it."""

from dataclasses import dataclass
from datetime import datetime

from holdfast.errors import RefusedError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.planning.naming import token_of_run
from holdfast.planning.replace_plan import plan_replacement, replacement_findings
from holdfast.planning.restore_findings import restore_findings
from holdfast.planning.restore_plan import plan_restore
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen


@dataclass(frozen=True)
class MemberPlanner:
    """planning/planners.py: Planner."""

    def findings(
        self, spec: ClusterSpec, seen: RestoreSeen, backup: ChosenBackup | None, request: ChangeRequest, now: datetime
    ) -> tuple[Finding, ...]:
        if request.quorum:
            raise RefusedError(
                "mode_unsupported",
                f"nothing on nodes of {spec.driver} makes a cluster of one member's data without a backup",
                hint=f"Restore the newest backup: holdfast restore plan {spec.id} latest. What the member that is left "
                "still has is saved first.",
            )
        if request.csrs:
            raise RefusedError(
                "mode_unsupported",
                f"certificate requests are approved on OpenShift only, and {spec.id} is {spec.driver}",
                hint="Elsewhere the controller manager approves what kubelets ask for by itself.",
            )
        if backup and request.backup:
            return restore_findings(spec, seen, backup, request, now)
        return replacement_findings(spec, seen, request.replace or "", request, now, backup=backup)

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
        if backup and request.backup:
            return plan_restore(
                spec,
                seen,
                backup,
                request,
                run_id=run_id,
                token=token_of_run(run_id),
                emergency=emergency,
                findings=findings,
                now=now,
            )
        return plan_replacement(
            spec,
            seen,
            request.replace or "",
            request,
            run_id=run_id,
            emergency=emergency,
            findings=findings,
            now=now,
            backup=backup,
        )
