"""Machines that join a cluster of hosts (openshift_scene.py), as its API sees them: nodes, and what their kubelets ask.

Requests are created in the name of who asks, so that it is the API that says who that was. What is approved is counted
on the control-plane host, by the words of its `oc`.
"""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from builders.csr_cluster import node_object
from builders.csrs import serving
from builders.openshift_scene import OpenShiftScene
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.openshift.seed import named
from holdfast.models.csr import CsrNode

_LOG = "/var/log/approvals"
_OC = f"""#!/bin/sh
case " $* " in *" certificate approve "*) echo "$*" | sed 's/.* approve //' >>{_LOG} ;; esac
exec /usr/local/bin/oc.itself "$@"
"""


class Joining:
    """Of a scene whose cluster approves nothing by itself."""

    def __init__(self, scene: OpenShiftScene) -> None:
        assert scene.operators
        scene.operators.knobs.approves = False
        self.scene = scene
        (self.host,) = scene.cluster.nodes
        self.host.path("/usr/local/bin/oc").rename(self.host.path("/usr/local/bin/oc.itself"))
        self.host.write("/usr/local/bin/oc", _OC, mode=0o755)

    @property
    def api(self) -> Api:
        assert self.scene.operators
        return self.scene.operators.api.answering()

    def clear(self, *nodes: CsrNode) -> None:
        """No requests, no approvals, and these nodes as they are given."""
        api = self.api
        for each in api.items(named("csr")):
            api.delete(named("csr"), "", each["metadata"]["name"])
        known = {each["metadata"]["name"] for each in api.items(named("node"))}
        for told in nodes:
            value = node_object(told)
            if told.name not in known:
                api.create(named("node"), "", value)
            api.patch(named("node"), "", told.name, {"status": value["status"]}, "status")
        self.host.write(_LOG, "")

    def ask(self, *requests: dict[str, Any]) -> None:
        for each in requests:
            spec = each["spec"]
            groups = [group for group in spec["groups"] if group != "system:authenticated"]
            self.api.acting_as(spec["username"], *groups).create(named("csr"), "", each)

    @property
    def approvals(self) -> list[list[str]]:
        """Names, of each time that somebody on the host approved some."""
        return [line.split() for line in self.host.path(_LOG).read_text().splitlines()]

    def approved(self) -> set[str]:
        """What the API says."""
        return {each["metadata"]["name"] for each in self.api.items(named("csr")) if _conditions(each) == ["Approved"]}

    def certificate(self, name: str) -> bytes:
        """As the cluster signed it; b"" before."""
        found = self.api.get(named("csr"), "", name).get("status", {})
        return base64.b64decode(found.get("certificate", ""))

    @contextmanager
    def kubelet(self, node: CsrNode, first: str, second: str) -> Iterator[None]:
        """While the block runs: with the certificate of the request `first` it asks for the one that it serves with,
        and its node is Ready."""
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(0.2):
                if self.certificate(first):
                    self.ask(serving(node, second, at=datetime.now(UTC)))
                    status = node_object(node.model_copy(update={"ready": "True"}))["status"]
                    self.api.patch(named("node"), "", node.name, {"status": status}, "status")
                    return

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(20)


def _conditions(value: dict[str, Any]) -> list[str]:
    return [each["type"] for each in value.get("status", {}).get("conditions") or []]
