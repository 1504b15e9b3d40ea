"""Which certificate signing requests of kubelets may be approved, each with the reason. Pure.

A kubelet's first certificate makes whoever holds it that node, and lets him read the Secrets of its pods; a serving
certificate lets him be taken for it. So nothing is approved because it waits: a request has to be what that kubelet
asks for, to the letter, by the one who may ask, for a node that is known, about addresses that are that node's.

What a kubelet's requests look like: k8s.io/kubernetes pkg/apis/certificates/helpers.go, ValidateKubeletClientCSR and
ValidateKubeletServingCSR. Who asks: the node itself, or the one as whom new machines of OpenShift begin.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.models.csr import CLIENT_SIGNER, SERVING_SIGNER, Action, CsrMachine, CsrNode, SigningRequest, Use, Verdict
from holdfast.models.words import plain

BOOTSTRAPPER = "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper"
BOOTSTRAPPER_GROUPS = frozenset(
    {"system:serviceaccounts", "system:serviceaccounts:openshift-machine-config-operator", "system:authenticated"}
)
NODES, AUTHENTICATED = "system:nodes", "system:authenticated"
NODE_USER = "system:node:"
# A kubelet waits for an answer for a quarter of an hour, older ones for an hour, and asks anew then.
OLDEST = timedelta(hours=1)
# Two clocks of one cluster.
SKEW = timedelta(minutes=5)
# What the script tells instead of shared addresses that are too many.
MANY = "*"
_ENCIPHER = "key encipherment"
_USAGES: dict[Use, frozenset[str]] = {
    "client": frozenset({"digital signature", "client auth"}),
    "serving": frozenset({"digital signature", "server auth"}),
}
_SIGNERS: dict[str, Use] = {CLIENT_SIGNER: "client", SERVING_SIGNER: "serving"}
_NODE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_CSR = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_UID = re.compile(r"[0-9a-fA-F-]{1,64}")
# Names of the API itself, and what every host calls itself: no kubelet serves under them.
_NOT_A_HOST = re.compile(
    r"localhost|kubernetes|.*\.(svc|local|localhost|cluster)|.*\.svc\..*|localhost\..*|kubernetes\..*"
)


@dataclass(frozen=True)
class Ground:
    """What is known of the cluster. `named` are nodes that an operator named: they need not be there yet. `machines` is
    None where the cluster has no Machines. `shared` are addresses that two nodes claim."""

    now: datetime
    nodes: tuple[CsrNode, ...] = ()
    machines: tuple[CsrMachine, ...] | None = None
    shared: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()

    def node(self, name: str) -> CsrNode | None:
        return next((each for each in self.nodes if each.name == name), None)

    def addresses_of_machine(self, node: str) -> frozenset[str]:
        """Of the Machine that is this node; none where no Machine tells of it."""
        mine = (each for each in self.machines or () if each.node == node)
        return frozenset(address for each in mine for address in each.addresses)

    def is_awaited(self, node: str) -> bool:
        """A Machine that has no node yet goes by that name."""
        return any(not each.node and node in each.addresses for each in self.machines or ())


class _No(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, code: str, why: str) -> None:
        super().__init__(code)
        self.code, self.why = code, why


def judge(requests: Iterable[SigningRequest], ground: Ground) -> tuple[Verdict, ...]:
    """In the order given. Of several good requests for the same certificate only the newest one is approved: a kubelet
    waits for no other."""
    requests = tuple(requests)
    verdicts = [_verdict(request, ground) for request in requests]
    newest: dict[tuple[Use | None, str], SigningRequest] = {}
    for request, verdict in zip(requests, verdicts, strict=True):
        key = (verdict.use, verdict.node)
        if verdict.action == "approve" and (key not in newest or _age(request) > _age(newest[key])):
            newest[key] = request
    return tuple(
        _superseded(verdict)
        if verdict.action == "approve" and newest[verdict.use, verdict.node] is not request
        else verdict
        for request, verdict in zip(requests, verdicts, strict=True)
    )


def too_large(name: str) -> Verdict:
    return Verdict(name=name, action="refuse", code="request_too_large", why="it is far larger than any kubelet's")


def _age(request: SigningRequest) -> tuple[datetime, str]:
    return request.created_at, request.name


def _superseded(verdict: Verdict) -> Verdict:
    why = f"a newer request of {verdict.node} waits: its kubelet waits for no older one"
    return verdict.model_copy(update={"action": "refuse", "code": "superseded", "why": why})


def _verdict(request: SigningRequest, ground: Ground) -> Verdict:
    use = use_of(request)
    action: Action = "approve"
    try:
        code, why = _check(request, use, ground)
    except _No as no:
        action, code, why = ("ignore" if no.code in ("decided", "not_a_kubelets") else "refuse"), no.code, no.why
    return Verdict(
        name=request.name,
        uid=request.uid,
        use=use,
        node=node_of(request),
        requestor=request.username,
        action=action,
        code=code,
        why=plain(why, 300),
    )


def use_of(request: SigningRequest) -> Use | None:
    """By the signer; where the API knows none yet, by what the certificate is for, as later ones fill it in."""
    if request.signer:
        return _SIGNERS.get(request.signer)
    wanted = frozenset(request.usages) - {_ENCIPHER}
    return next((use for use, usages in _USAGES.items() if wanted == usages), None)


def node_of(request: SigningRequest) -> str:
    """Whose certificate it would be, as the request has it; "" for what is no node's name."""
    names = [value for kind, value in request.asked.subject if kind == "CN"]
    name = names[0].removeprefix(NODE_USER) if len(names) == 1 and names[0].startswith(NODE_USER) else ""
    return name if len(name) < 254 and _NODE.fullmatch(name) else ""


def _check(request: SigningRequest, use: Use | None, ground: Ground) -> tuple[str, str]:
    """Why it may be approved; raises _No."""
    if request.decided:
        raise _No("decided", f"it is {', '.join(request.decided)} already")
    if use is None:
        raise _No("not_a_kubelets", f"its signer {request.signer or '(none)'} signs for no kubelet")
    if not _CSR.fullmatch(request.name) or not _UID.fullmatch(request.uid):
        raise _No("name_odd", "its own name is none that a kubelet gives")
    _refuse_age(request, ground.now)
    _refuse_content(request, use)
    if use == "client":
        return _check_client(request, node_of(request), ground)
    return _check_serving(request, node_of(request), ground)


def _refuse_age(request: SigningRequest, now: datetime) -> None:
    if now - request.created_at > OLDEST:
        raise _No("too_old", f"it was made at {request.created_at:%Y-%m-%d %H:%M}Z: no kubelet waits that long")
    if request.created_at - now > SKEW:
        raise _No(
            "from_the_future", f"it was made at {request.created_at:%Y-%m-%d %H:%M}Z, which is ahead of the clock"
        )


def _refuse_content(request: SigningRequest, use: Use) -> None:
    if request.asked.flaw:
        raise _No("request_odd", request.asked.flaw)
    usages = frozenset(request.usages)
    if len(usages) != len(request.usages) or usages - {_ENCIPHER} != _USAGES[use]:
        raise _No("usages_differ", f"it asks for the usages {', '.join(request.usages) or '(none)'}")
    if sorted(kind for kind, _ in request.asked.subject) != ["CN", "O"] or ("O", NODES) not in request.asked.subject:
        told = ", ".join(f"{kind}={value}" for kind, value in request.asked.subject)
        raise _No("subject_differs", f"its subject is {told or '(empty)'}, and not O={NODES} with one CN")
    if not node_of(request):
        raise _No("subject_differs", "its CN names no node")


def _check_client(request: SigningRequest, name: str, ground: Ground) -> tuple[str, str]:
    if request.asked.dns or request.asked.ips:
        raise _No("names_unwanted", "a client certificate of a kubelet has no names and addresses")
    node = ground.node(name)
    if request.username == NODE_USER + name:
        _refuse_groups(request)
        if node is None:
            raise _No("node_unknown", f"there is no node {name}")
        return "renewal", f"{name} renews its own certificate"
    if request.username != BOOTSTRAPPER:
        raise _No("requestor_differs", "it was asked for by somebody else than that node or the node bootstrapper")
    if frozenset(request.groups) != BOOTSTRAPPER_GROUPS:
        raise _No("groups_differ", f"the node bootstrapper is not in the groups {', '.join(request.groups)}")
    if name in ground.named and (node is None or node.ready != "True"):
        return "named", f"the operator named {name}"
    if node is None:
        if ground.is_awaited(name):
            return "awaited", f"a Machine without a node goes by the name {name}"
        raise _No("node_unknown", f"there is no node {name}, no Machine waits for it, and nobody named it")
    if node.ready == "True":
        raise _No("node_ready", f"{name} is Ready: its kubelet has a certificate, and would renew it by itself")
    return "returns", f"{name} is known and not Ready"


def _check_serving(request: SigningRequest, name: str, ground: Ground) -> tuple[str, str]:
    if request.username != NODE_USER + name:
        raise _No("requestor_differs", "it was asked for by somebody else than that node")
    _refuse_groups(request)
    node = ground.node(name)
    if node is None:
        raise _No("node_unknown", f"there is no node {name}, so that nobody knows its addresses")
    asked = (*request.asked.dns, *request.asked.ips)
    if not asked:
        raise _No("names_missing", "it asks for no name and no address")
    own = {name, *map(_written, node.addresses)}
    odd = [each for each in asked if _written(each) not in own]
    if odd:
        raise _No("names_differ", f"{', '.join(odd[:5])} is no name or address of {name}")
    never = [each for each in asked if _is_nobodys(each)]
    if never:
        raise _No("names_differ", f"{', '.join(never[:5])} is no single host's")
    if MANY in ground.shared:
        raise _No("address_shared", "nodes share more addresses than can be told: the refused requests stay")
    shared = {_written(each) for each in ground.shared}
    if claimed := [each for each in asked if _written(each) in shared]:
        raise _No("address_shared", f"another node claims {', '.join(claimed[:5])} too")
    machine = {_written(each) for each in ground.addresses_of_machine(name)}
    if machine and (odd := [each for each in asked if _written(each) not in machine | {name}]):
        raise _No("machine_differs", f"the Machine of {name} does not have {', '.join(odd[:5])}")
    return "own_addresses", f"all names and addresses are those of {name}"


def _refuse_groups(request: SigningRequest) -> None:
    if frozenset(request.groups) != {NODES, AUTHENTICATED}:
        raise _No("groups_differ", f"a node is not in the groups {', '.join(request.groups) or '(none)'}")


def _written(address: str) -> str:
    """One form for what can be written in several."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _is_nobodys(name: str) -> bool:
    """What a kubelet may write into its own node's addresses and still is not one host's."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return not _NODE.fullmatch(name) or bool(_NOT_A_HOST.fullmatch(name))
    # Kubelets write an address of IPv4 as what it is; whoever checks a certificate takes the two forms for one.
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return True
    return address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local
