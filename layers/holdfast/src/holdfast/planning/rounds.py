"""Steps whose script runs in rounds: what a round does follows from what the last one said. Pure.

The journal keeps each decision, so that a function that dies, a resumed run and a redrive go on where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from holdfast.models.csr import CsrPage
from holdfast.planning.csr_rounds import decide_page


@dataclass(frozen=True)
class Round:
    """`told` is the record of what was decided. `values` are the next round's variables beside the plan's, None when
    the step is done."""

    told: dict[str, Any]
    values: dict[str, str] | None


def after_round(name: str, values: Mapping[str, str], report: BaseModel) -> Round:
    """`name` is the step's `rounds`, `values` are those of the round that ended, `report` what it said."""
    told, following = _RULES[name](values, report)
    return Round(told, following)


def _csrs(values: Mapping[str, str], report: BaseModel) -> tuple[dict[str, Any], dict[str, str] | None]:
    return decide_page(values, CsrPage.model_validate(report))


_RULES: dict[str, Callable[[Mapping[str, str], BaseModel], tuple[dict[str, Any], dict[str, str] | None]]] = {
    "csrs": _csrs
}
