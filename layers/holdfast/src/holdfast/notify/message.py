"""What an outcome looks like to a person: the subject and the text of the message, and the name of the event."""

from holdfast.models.run import Figures, Job, Outcome

# SNS: at most 100 characters of printable ASCII (API reference of Publish, parameter Subject).
_SUBJECT_LENGTH = 100
# SNS and EventBridge take 256 KiB; a message that a person reads ends long before.
_MESSAGE_LENGTH = 2000
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def subject(outcome: Outcome) -> str:
    """One line: the cluster, how it ended, and for a run that did not succeed the code."""
    text = f"Holdfast: {_JOBS[outcome.job]} of {outcome.cluster_id} {outcome.status}"
    if outcome.error is not None:
        text += f" ({outcome.error.code})"
    return subject_line(text)


def subject_line(text: str) -> str:
    """As SNS takes it: printable, and cut."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    return printable if len(printable) <= _SUBJECT_LENGTH else printable[: _SUBJECT_LENGTH - 3] + "..."


def body(outcome: Outcome) -> str:
    """A few labelled lines, the most wanted first."""
    lines = [
        f"The {_title(outcome)} of {outcome.cluster_id} {_ending(outcome)}.",
        "",
        *_error_lines(outcome),
        *_figure_lines(outcome.figures),
        *(f"Warning: {warning}" for warning in outcome.warnings),
        *([f"Backup:  {outcome.backup_id}"] if outcome.backup_id else []),
        *([f"Next:    a fresh backup has started: {outcome.followed_by}"] if outcome.followed_by else []),
        f"Run:     {outcome.run_id}",
        f"Phase:   {outcome.phase}",
        f"Started: {outcome.started_at:%Y-%m-%d %H:%M:%S} UTC",
        f"Ended:   {outcome.finished_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    return "\n".join(lines) + "\n"


def detail_type(outcome: Outcome) -> str:
    """The event's detail-type: "Holdfast Backup Succeeded", "Holdfast Restore Failed", "Holdfast Member Replacement
    Refused", …"""
    return f"Holdfast {_JOBS[outcome.job].title()} {outcome.status.capitalize()}"


_JOBS: dict[Job, str] = {
    "backup": "backup",
    "restore": "restore",
    "replace-member": "member replacement",
    "restore-quorum": "quorum restore",
    "approve-csrs": "certificate approval",
}
_SUCCEEDED: dict[Job, str] = {
    "backup": "it is sealed, and was read back and verified",
    "restore": "etcd, the API and the nodes were checked",
    "replace-member": "every member votes and holds the same data",
    "restore-quorum": "etcd, the API and the nodes were checked",
    "approve-csrs": "requests that passed the checks were approved",
}
_ENDINGS = {"failed": "failed", "refused": "was refused by a guardrail", "running": "waits for an approval"}


def _title(outcome: Outcome) -> str:
    return f"{outcome.kind} backup" if outcome.job == "backup" else _JOBS[outcome.job]


def _ending(outcome: Outcome) -> str:
    return f"succeeded: {_SUCCEEDED[outcome.job]}" if outcome.status == "succeeded" else _ENDINGS[outcome.status]


def _error_lines(outcome: Outcome) -> list[str]:
    error = outcome.error
    if error is None:
        return []
    lines = [f"Code:    {error.code}", f"Reason:  {_shortened(error.message)}"]
    if error.hint:
        lines.append(f"To do:   {_shortened(error.hint)}")
    return lines


def _figure_lines(figures: Figures | None) -> list[str]:
    if figures is None:
        return []
    lines = [
        f"Size:    {_size(figures.raw_size)} of database, {_size(figures.size)} stored",
        f"Time:    {figures.snapshot_seconds:.1f} s snapshot, {figures.verify_seconds:.1f} s verification",
    ]
    if figures.revision:
        lines.append(f"Content: revision {figures.revision}, {figures.live_keys} keys")
    if figures.sha256:
        lines.append(f"SHA-256: {figures.sha256}")
    return lines


def _size(count: int) -> str:
    """1,536 is "1.5 KiB": powers of 1024, as etcd's own quota is counted."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} {_UNITS[0]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def _shortened(text: str) -> str:
    return text if len(text) <= _MESSAGE_LENGTH else text[:_MESSAGE_LENGTH] + " …"
