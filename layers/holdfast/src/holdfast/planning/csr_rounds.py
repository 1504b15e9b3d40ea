"""What the next round over certificate signing requests does: pages are gone through from the first to the last, what
passes the checks is approved in the round after, until nothing more comes. Pure.

Kubelets ask one after the other, as they come up, and one that was refused may pass when its node is seen differently;
so all that waits is looked at again in every pass.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from holdfast.facts.csr import read_requests
from holdfast.models.csr import CsrPage, Verdict
from holdfast.models.restore import StepRecord
from holdfast.planning.csr import Ground, judge, too_large

# One look out for something new, in the script; and how many rounds there may be, whatever comes.
PAUSE_S = 30
MOST_ROUNDS = 400
# So many refusals are told one by one.
MOST_TOLD = 10


def verdicts_of(page: CsrPage, named: frozenset[str]) -> tuple[Verdict, ...]:
    """PermanentError `node_output_unreadable`."""
    ground = Ground(
        now=datetime.fromtimestamp(page.now, UTC),
        nodes=page.nodes,
        machines=page.machines,
        shared=frozenset(page.shared),
        named=named,
    )
    return (*judge(read_requests(page.packed), ground), *map(too_large, page.too_large))


def decide_page(values: Mapping[str, str], page: CsrPage) -> tuple[dict[str, Any], dict[str, str] | None]:
    """The record of this round, and the variables of the next one, None when nothing more is to be done.

    Of `values`, `named` are nodes that an operator named (words), `quiet_s` how long nothing may have come before it is
    over although a node is not ready, `most_s` how long it may take at all.
    """
    verdicts = verdicts_of(page, frozenset(values.get("named", "").split()))
    approvable = [each for each in verdicts if each.action == "approve"]
    began = int(values.get("began", page.now))
    count = int(values.get("count", "1"))
    # Since when nothing came that could be approved.
    quiet_since = page.now if approvable or page.approved else int(values.get("quiet_since", page.now))
    told = {
        "approved": list(page.approved),
        "gone": list(page.gone),
        "verdicts": [each.model_dump(mode="json") for each in verdicts if each.action != "ignore"],
        "left": page.left,
        "not_ready": list(page.not_ready),
        "not_ready_count": page.not_ready_count,
    }
    passed, most = page.now - began, int(values["most_s"])
    quiet_left = int(values["quiet_s"]) - (page.now - quiet_since)
    nothing_comes = quiet_left <= 0 or (values.get("until_ready") == "1" and not page.not_ready_count)
    # Whoever asks anew for ever keeps nobody here: then what waits is left, and told.
    over = not approvable and not page.next and (nothing_comes or passed >= most)
    if over or passed >= 2 * most or count >= MOST_ROUNDS:
        return told, None
    return told, {
        "approve": "\n".join(f"{each.name} {each.uid}" for each in approvable),
        "after": page.next,
        "pause_s": "0" if approvable or page.next else str(min(PAUSE_S, quiet_left)),
        "began": str(began),
        "quiet_since": str(quiet_since),
        "count": str(count + 1),
    }


def refused_words(records: Iterable[StepRecord]) -> tuple[str, ...]:
    """What was refused to the end, from the records of rounds in the order of time."""
    last: dict[str, Verdict] = {}
    for record in records:
        for each in record.report.get("verdicts", ()):
            verdict = Verdict.model_validate(each)
            last[verdict.name] = verdict
    # Older requests of a kubelet whose newest one was approved are nobody's business any more.
    refused = [each for each in last.values() if each.action == "refuse" and each.code != "superseded"]
    told = [f"the certificate request {each.name} was not approved: {each.why}" for each in refused[:MOST_TOLD]]
    if more := len(refused) - len(told):
        told.append(f"{more} more certificate requests were not approved: holdfast csr list shows them")
    return tuple(told)
