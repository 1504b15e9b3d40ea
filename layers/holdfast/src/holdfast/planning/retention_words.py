"""What a cluster keeps, in words: for a listing, a plan's step, and the reason of a verdict."""

from holdfast.models.backup import Kind
from holdfast.models.retention import RetentionRule, RetentionSpec, RuleName

_SHORT: dict[RuleName, str] = {"last": "the newest {number}"}
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
    """`the newest 30, 90 days, 7 daily`."""
    return ", ".join(
        _SHORT.get(name, "{number} {name}").format(number=number, name=name) for name, number in rule.numbers.items()
    )


def keeps(spec: RetentionSpec) -> str:
    """For a row of a table: both rules, where there are two."""
    return f"{short(spec)}; manual: {short(spec.manual)}" if spec.manual else short(spec)


def sentence(spec: RetentionSpec) -> str:
    """All that the spec says, to go on after "keep"."""
    manual = f"of manual ones {short(spec.manual)}" if spec.manual else "of manual ones as many"
    return (
        f"of recurring verified backups {short(spec)}; {manual}; of either the newest {spec.keep_at_least} in any case;"
        f" what is not verified for {spec.unverified_days} days"
    )


def why_kept(rule: RetentionRule, names: tuple[RuleName, ...], kind: Kind) -> str:
    numbers = rule.numbers
    return f"{kind}: " + ", ".join(_REASONS[name].format(number=numbers[name]) for name in names)


def why_removed(rule: RetentionRule, kind: Kind) -> str:
    return f"{kind}: beyond what the rule keeps: {short(rule)}"
