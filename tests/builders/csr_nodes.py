"""Control-plane hosts in memory that answer openshift/csr_round: the API of the first is down, the second's tells."""

import json
from typing import Any

from builders.csrs import client, page, serving
from builders.doubled_nodes import failure, nodes_spec
from builders.services import MemoryServices, services_with
from holdfast.models.command import Command, CommandResult
from holdfast.transports.memory import MemoryTransport


def csr_services(*pages: dict[str, Any]) -> MemoryServices:
    """Pages follow each other by the name that the last one ended with."""
    told = pages or (
        page(client(), next="csr-client", left=2),
        page(client("worker-2", "csr-d"), serving(name="csr-e")),
    )
    after = ["", *(each.get("next", "") for each in told)]

    def program(node: str, command: Command) -> CommandResult:
        if node == "n1":
            return failure("openshift_api_silent", "The connection to the server localhost:6443 was refused")
        said = told[after.index(command.values["after"])]
        return CommandResult(0, json.dumps(said))

    services = services_with(nodes_spec(driver="openshift"))
    services.transport = MemoryTransport(("n1", "n2", "n3"), program, looks=1)
    return services
