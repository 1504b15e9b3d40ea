"""Leaving the nodes of a run that failed or was stopped: what still runs there is stopped, what it made is removed."""

from contextlib import closing
from datetime import timedelta

from holdfast.engine.looking import node_transport
from holdfast.engine.services import Services
from holdfast.errors import HoldfastError
from holdfast.planning.naming import steps_of_run
from holdfast.transports.base import Transport

# Such a run never came as far as a node, or nobody knows any more which nodes there were.
_NOWHERE = ("run_unknown", "cluster_unknown")
# Whoever fails has more to do: to clean up, to give the lease back, to tell. A node that hangs can take two minutes.
LEAVE = timedelta(seconds=60)


def leave_nodes(services: Services, cluster_id: str, run_id: str) -> tuple[str, ...]:
    """What could not be left, in words; the steps' own time limits and the next run's sweep end that."""
    try:
        services.runs.get(cluster_id, run_id)
        through_nodes = node_transport(services.clusters.get(cluster_id).transport)
        if through_nodes is None:
            return ()
        with closing(services.nodes(through_nodes)) as transport:
            return _leave(services, transport, steps_of_run(run_id))
    except HoldfastError as error:
        return () if error.code in _NOWHERE else (f"could not stop what may still run on the nodes: {error}",)


def _leave(services: Services, transport: Transport, steps: str) -> tuple[str, ...]:
    """Each node by itself: what one refuses, or takes too long for, is no reason to leave another one at work."""
    left: list[str] = []
    started = services.clock()
    for number, node in enumerate(transport.nodes):
        if services.clock() - started > LEAVE:
            rest = ", ".join(transport.nodes[number:])
            left.append(f"no time was left to stop what may still run on {rest}")
            break
        try:
            transport.cancel(node, steps)
        except HoldfastError as error:
            left.append(f"could not stop what may still run on {node}: {error}")
    return tuple(left)
