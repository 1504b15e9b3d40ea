"""`holdfast csr list`: kubelets' certificate requests that wait, each with the verdict that a run would give it."""

from collections.abc import Callable
from contextlib import closing

from holdfast import node
from holdfast.engine.node_steps import first_step, look, report_of
from holdfast.engine.restore.looking import transport_of
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, RefusedError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.command import Command
from holdfast.models.csr import CLIENT_SIGNER, SERVING_SIGNER, CsrPage, CsrReport, Verdict
from holdfast.models.node import NodeStep
from holdfast.models.run import Pending
from holdfast.planning.csr_rounds import verdicts_of
from holdfast.planning.waiting import next_wait
from holdfast.transports.base import Transport

# One page takes a handful of questions, of which each may wait for an API server that hangs.
_ANSWER_S, _PAGE_S = 20, 180
_VALUES = {"signers": f"{CLIENT_SIGNER} {SERVING_SIGNER}", "awaited": "", "limit_s": str(_ANSWER_S)}


def refuse_unknown(spec: ClusterSpec) -> None:
    """RefusedError `mode_unsupported` where kubelets get their certificates without anybody's word."""
    if spec.driver != "openshift":
        raise RefusedError(
            "mode_unsupported",
            f"certificate requests are approved on OpenShift only, and {spec.id} is {spec.driver}",
            hint="Elsewhere the controller manager approves what kubelets ask for by itself.",
        )


def look_at_csrs(
    services: Services,
    spec: ClusterSpec,
    look_id: str,
    *,
    named: frozenset[str] = frozenset(),
    wait: Callable[[Pending], None],
) -> CsrReport:
    """Looks through the first control-plane host that tells; `wait` is called between two looks. Takes no lease and
    changes nothing. `named` are nodes as an approval would name them. Raises what the last host said when none did."""
    refuse_unknown(spec)
    with closing(services.nodes(transport_of(spec))) as transport:
        failed: HoldfastError | None = None
        for host in transport.nodes:
            try:
                return _Pages(services, transport, host, look_id, wait).report(named)
            except HoldfastError as error:
                failed = error
    if failed is None:
        raise RefusedError("restore_needs_nodes", f"{spec.id} names no nodes")
    raise failed


class _Pages:
    def __init__(
        self, services: Services, transport: Transport, host: str, look_id: str, wait: Callable[[Pending], None]
    ) -> None:
        self._services, self._transport, self._host = services, transport, host
        self._look_id, self._wait = look_id, wait

    def report(self, named: frozenset[str]) -> CsrReport:
        """All pages; what came or went meanwhile may be in none."""
        verdicts: list[Verdict] = []
        after, number = "", 0
        while True:
            number += 1
            page = self._page(after, number)
            verdicts += verdicts_of(page, named)
            if not page.next or page.next <= after:
                return CsrReport(
                    host=self._host,
                    requests=tuple(each for each in verdicts if each.action != "ignore"),
                    not_ready=page.not_ready,
                    not_ready_count=page.not_ready_count,
                )
            after = page.next

    def _page(self, after: str, number: int) -> CsrPage:
        script = node.change("openshift/csr_round")
        command = Command(script, {**_VALUES, "after": after}, timeout_s=_PAGE_S)
        since = self._services.clock()
        steps: tuple[NodeStep, ...] = (first_step(self._host, self._look_id, "csrs", "list", since, attempt=number),)
        while True:
            now = self._services.clock()
            looked = look(self._transport, steps, lambda _host: command, now, patient=False)
            if self._host in looked.done:
                return report_of(self._host, looked.done[self._host], CsrPage)
            if self._host in looked.failed:
                raise looked.failed[self._host]
            steps = tuple(looked.waiting)
            wait_s = next_wait((now - since).total_seconds())
            self._wait(Pending(stage="csrs", wait_s=wait_s, since=since, steps=steps))
