"""What a cluster keeps, in words: for a listing, a plan's step, and the reason of a verdict."""

from holdfast.models.backup import Kind
from holdfast.models.retention import RetentionRule, RetentionSpec, RuleName

_REASONS: dict[RuleName, str] = {
    "last": "one of the newest {number}",
    "days": "no more than {number} days older than the newest",
    "hourly": "the last of its hour",
    "daily": "the last of its day",
    "weekly": "the last of its week",
    "monthly": "the last of its month",
    "yearly": "the last of its year",
}


def short(rule: RetentionRule) -> str:
    """`30 last, 7 daily, 4 weekly`."""
    return ", ".join(f"{number} {name}" for name, number in rule.numbers.items())


def keeps(spec: RetentionSpec) -> str:
    """The short form for a row of a table: both rules, where there are two."""
    return f"{short(spec)}; manual {short(spec.manual)}" if spec.manual else short(spec)


def sentence(spec: RetentionSpec) -> str:
    """All that the spec says."""
    manual = f"manual ones by {short(spec.manual)}" if spec.manual else "manual ones by the same among themselves"
    return (
        f"verified backups by {short(spec)}, {manual}; the newest {spec.keep_at_least} of each in any case;"
        f" what is not verified for {spec.unverified_days} days"
    )


def why_kept(rule: RetentionRule, names: tuple[RuleName, ...], kind: Kind) -> str:
    numbers = rule.numbers
    return f"{kind}: " + ", ".join(_REASONS[name].format(number=numbers[name]) for name in names)


def why_removed(rule: RetentionRule, kind: Kind) -> str:
    return f"{kind}: beyond what the rule keeps, {short(rule)}"
