"""check_freshness: looks at every cluster's backups from outside, and tells what has changed since it told last."""

from holdfast.engine.freshness import check_freshness, summary, tell_changes
from holdfast.engine.services import Services
from holdfast.handler import settings, state, write_metrics
from holdfast.models.freshness import FreshnessEvent, FreshnessSummary
from holdfast.planning.metrics import freshness_metrics


@state("CheckFreshness", FreshnessEvent)
def handler(_event: FreshnessEvent, services: Services) -> FreshnessSummary:
    report = check_freshness(services, copies=True)
    # Before anything is told: alarms must not depend on a topic that does not work.
    write_metrics(freshness_metrics(settings().stack_name, report))
    return summary(report, told=tell_changes(services, report))
