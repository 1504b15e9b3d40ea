"""etcd's operator: certificates, members, and what it says of them.

It adds a member for a host whose pod waits for it, as a learner, and makes it a voter when it has caught up. From 4.10
on a new list of members is a new revision, and none begins while a host that is rolled could cost the quorum, unless
the guard is off. It removes no member [inf: a real one does so for Machines that are deleted].
"""

import contextlib
import subprocess

from holdfast.errors import HoldfastError
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.openshift.cluster import OpenShiftCluster
from holdfast.local.machines.openshift.layout import etcd_secrets
from holdfast.local.machines.openshift.operating import Knobs, ensure, files_of, masters, set_status
from holdfast.local.machines.openshift.seed import Object, condition, named, secret
from holdfast.local.machines.openshift.static_pods import StaticPodOperator, digest
from holdfast.local.machines.openshift.vendor import minor
from holdfast.models.etcd import EtcdFacts

OVERRIDE = "useUnsupportedUnsafeNonHANonProductionUnstableEtcd"
SAFE_VOTERS = 3


class EtcdOperator(StaticPodOperator):
    def __init__(self, cluster: OpenShiftCluster, knobs: Knobs) -> None:
        super().__init__("etcd", cluster, knobs)
        own = cluster.signers.etcd.issue_client("etcd-operator")
        texts = {"ca": cluster.signers.etcd.certificate, "cert": own.certificate, "key": own.key}
        found = files_of(cluster.folder / "operator", texts)
        self._flags = ["--cacert", found["ca"], "--cert", found["cert"], "--key", found["key"]]
        self._highly_available = len(cluster.nodes) >= SAFE_VOTERS
        self._facts: EtcdFacts | None = None

    def sync(self, api: Api) -> None:
        self._facts = self._ask()
        self._issue(api)
        if self._facts:
            self._scale(api, self._facts)
            self._available(api, self._facts)
        super().sync(api)

    def made_of(self, api: Api, value: Object, nodes: dict[str, bool]) -> dict[str, str]:
        found = super().made_of(api, value, nodes)
        known = [node.host for node in self.cluster.nodes if node.name in nodes]
        found["hosts"] = " ".join(f"{host.name}={host.address}" for host in known)
        found["certificates"] = digest(sorted((name, pair.certificate) for name, pair in self.cluster.secrets.items()))
        if minor(self.cluster.release.version) >= (4, 10):
            found["members"] = " ".join(sorted(url for url in self._voters()))
        return found

    def blocked(self, api: Api, value: Object) -> str:  # noqa: ARG002
        if minor(self.cluster.release.version) < (4, 10) or not self._highly_available:
            return ""
        overrides = (value.get("spec") or {}).get("unsupportedConfigOverrides") or {}
        healthy = len(self._healthy())
        if healthy >= SAFE_VOTERS or overrides.get(OVERRIDE):
            return ""
        return f"EtcdQuorumController: {healthy} healthy voters are no safe number to roll out a revision with"

    def done(self, name: str) -> bool:
        return self.cluster.node(name).host.peer_url in self._voters() and name in self._healthy()

    def _ask(self) -> EtcdFacts | None:
        try:
            return self.cluster.client().facts()
        except HoldfastError:
            return None

    def _voters(self) -> dict[str, str]:
        """Names by peer URLs."""
        members = self._facts.members if self._facts else ()
        return {url: each.name for each in members if not each.is_learner for url in each.peer_urls}

    def _healthy(self) -> set[str]:
        """Names of the voters that answer and have a leader."""
        answering = {each.endpoint for each in self._facts.statuses if each.leader_id != "0"} if self._facts else set()
        voters = self._voters().keys()
        hosts = self.cluster.hosts
        return {host.name for host in hosts if host.peer_url in voters and host.client_url in answering}

    def _issue(self, api: Api) -> None:
        """A Secret that is gone is made anew, with a certificate that is new too."""
        there = {each["metadata"]["name"] for each in api.items(named("secret"), "openshift-etcd")}
        for node in self.cluster.nodes:
            own = {name for name in self.cluster.secrets if name.endswith(f"-{node.name}")}
            if own and own <= there:
                continue
            for name, pair in etcd_secrets(self.cluster.signers, node.host).items():
                if name not in there:
                    self.cluster.secrets[name] = pair
                    ensure(api, named("secret"), "openshift-etcd", secret(name, pair))

    def _scale(self, api: Api, facts: EtcdFacts) -> None:
        known = {url for each in facts.members for url in each.peer_urls}
        for learner in (each for each in facts.members if each.is_learner):
            with contextlib.suppress(subprocess.SubprocessError):  # it has not caught up
                self._etcdctl("member", "promote", learner.member_id)
            return
        ready = masters(api)
        for node in self.cluster.nodes:
            if node.host.peer_url not in known and ready.get(node.name) and self._waits(node.name):
                with contextlib.suppress(subprocess.SubprocessError):  # the others are not all there
                    self._etcdctl("member", "add", node.name, f"--peer-urls={node.host.peer_url}", "--learner")
                return

    def _waits(self, name: str) -> bool:
        """Whether the host has a pod of a revision that would be a member."""
        path = self.cluster.node(name).path("/etc/kubernetes/manifests/etcd-pod.yaml")
        return path.exists() and '"revision"' in path.read_text()

    def _available(self, api: Api, facts: EtcdFacts) -> None:
        voters, healthy = [each for each in facts.members if not each.is_learner], self._healthy()
        unhealthy = [each.name or "NAME-PENDING" for each in voters if each.name not in healthy]
        message = f"{len(voters)} members are available"
        if unhealthy:
            message = f"{len(healthy)} of {len(voters)} members are available, {', '.join(unhealthy)} is unhealthy"
        said = condition("EtcdMembersAvailable", "True", "EtcdQuorate", message)
        set_status(api, self.kind, "cluster", [said])

    def _etcdctl(self, *words: str) -> str:
        endpoints = (
            ",".join(each.endpoint for each in self._facts.statuses if each.leader_id != "0") if self._facts else ""
        )
        command = [
            str(etcd_binary("etcdctl")),
            *self._flags,
            f"--endpoints={endpoints}",
            "--command-timeout=4s",
            *words,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 - our own
        return done.stdout
