"""What a change of freshness looks like to a person: the subject and the text of the message."""

from collections.abc import Iterator

from holdfast.models.freshness import Freshness, FreshnessChange
from holdfast.notify.message import subject_line

# A message is for reading; who has a thousand late clusters looks at the dashboard.
_MOST_CLUSTERS = 40

DETAIL_TYPE = "Holdfast Freshness Changed"


def subject(change: FreshnessChange) -> str:
    if change.worse and not change.worse[1:]:
        (only,) = change.worse
        return subject_line(f"Holdfast: {only.cluster_id}: {', '.join(finding.code for finding in only.findings)}")
    if change.worse:
        return subject_line(f"Holdfast: {len(change.worse)} clusters need a look")
    named = change.cleared[0] if len(change.cleared) == 1 else f"{len(change.cleared)} clusters"
    return subject_line(f"Holdfast: {named}: nothing to report any more")


def body(change: FreshnessChange) -> str:
    lines = [f"What changed by {change.checked_at:%Y-%m-%d %H:%M} UTC, as the bucket tells it.", ""]
    for cluster in change.worse[:_MOST_CLUSTERS]:
        lines += _cluster(cluster)
    if len(change.worse) > _MOST_CLUSTERS:
        lines += [f"And {len(change.worse) - _MOST_CLUSTERS} more: holdfast freshness shows all.", ""]
    if change.cleared:
        names = ", ".join(change.cleared[:_MOST_CLUSTERS])
        more = f" and {len(change.cleared) - _MOST_CLUSTERS} more" if len(change.cleared) > _MOST_CLUSTERS else ""
        lines.append(f"Nothing to report any more: {names}{more}.")
    return "\n".join(lines).rstrip() + "\n"


def _cluster(cluster: Freshness) -> Iterator[str]:
    last = f", last verified backup {cluster.backup_id}" if cluster.backup_id else ""
    yield f"{cluster.cluster_id}: {cluster.state}{last}"
    for finding in cluster.findings:
        yield f"  {finding.code}: {finding.text[:500]}"
        if finding.hint:
            yield f"  To do: {finding.hint[:500]}"
    yield ""
