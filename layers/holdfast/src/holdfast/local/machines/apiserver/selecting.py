"""Which objects a list is asked for: labelSelector and fieldSelector."""

import re
from dataclasses import dataclass
from typing import Any

from holdfast.local.machines.apiserver.refusals import bad

_COMMA = re.compile(r",(?![^()]*\))")
_SET = re.compile(r"(\S+)\s+(in|notin)\s+\(([^()]*)\)")
_EQUALS = re.compile(r"([^=!\s]+)\s*(==|=|!=)\s*(\S*)")


@dataclass(frozen=True)
class Selection:
    labels: str = ""
    fields: str = ""

    @property
    def name(self) -> str:
        """The one that is wanted, "" when there may be several."""
        match = re.fullmatch(r"metadata\.name==?([^,=!]+)", self.fields)
        return match.group(1) if match else ""

    def takes(self, value: dict[str, Any]) -> bool:
        labels = value["metadata"].get("labels") or {}
        return all(_labelled(each.strip(), labels) for each in _COMMA.split(self.labels) if each.strip()) and all(
            _has(each.strip(), value) for each in self.fields.split(",") if each.strip()
        )


def _labelled(requirement: str, labels: dict[str, str]) -> bool:
    if match := _SET.fullmatch(requirement):
        name, how, values = match.groups()
        inside = name in labels and labels[name] in [each.strip() for each in values.split(",")]
        return inside if how == "in" else not inside
    if match := _EQUALS.fullmatch(requirement):
        name, how, wanted = match.groups()
        same = name in labels and labels[name] == wanted
        return not same if how == "!=" else same
    if requirement.startswith("!"):
        return requirement[1:].strip() not in labels
    if re.search(r"[\s()=!]", requirement):
        raise bad(f"unable to parse requirement: {requirement}")
    return requirement in labels


def _has(requirement: str, value: dict[str, Any]) -> bool:
    match = _EQUALS.fullmatch(requirement)
    if match is None:
        raise bad(f"invalid selector: '{requirement}'; can't understand '{requirement}'")
    path, how, wanted = match.groups()
    found: Any = value
    for part in path.split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    return bool(found == wanted) != (how == "!=")
