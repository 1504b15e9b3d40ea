"""Certificate signing requests of kubelets: what a node tells of them, what they ask for, and what is decided."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.models.base import Model, StoredModel
from holdfast.models.words import Words

CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER = "kubernetes.io/kubelet-serving"
Use = Literal["client", "serving"]
Action = Literal["approve", "refuse", "ignore"]


class CsrNode(StoredModel):
    """A Node, as it tells of itself. `ready` is the condition Ready. Addresses are names and IP addresses alike."""

    name: str
    ready: str = ""
    addresses: tuple[str, ...] = ()


class CsrMachine(StoredModel):
    """A Machine, whose addresses are the platform's and not the kubelet's word. `node` is "" while it has none."""

    node: str = ""
    addresses: tuple[str, ...] = ()


class CsrPage(StoredModel):
    """Of openshift/csr_round: what was approved now, by name (`gone`: no longer the request that was decided about),
    then a page of what waits.

    `now` is the node's clock, in seconds since 1970. `packed` is the API's JSON (gzip, base64), "" for none; too_large
    are requests that do not fit into any page. `next` is the page's last name where `left` more follow, "" on the last
    page. `nodes` are those that requests of the page may be about; `machines` those of these nodes and those without a
    node, None where the cluster has no such API; `shared` are addresses of these nodes that another node claims too.
    `not_ready` are the first of `not_ready_count` nodes of the whole cluster, or that are awaited and not there yet.
    """

    now: int
    approved: tuple[Words, ...] = ()
    gone: tuple[Words, ...] = ()
    packed: str = ""
    too_large: tuple[Words, ...] = ()
    next: str = Field(default="", pattern=r"^[a-z0-9.-]{0,253}$")
    left: int = 0
    nodes: tuple[CsrNode, ...] = ()
    machines: tuple[CsrMachine, ...] | None = None
    shared: tuple[str, ...] = ()
    not_ready: tuple[Words, ...] = ()
    not_ready_count: int = 0


class Asked(BaseModel):
    """What the request itself holds (PKCS #10). `flaw` says why it cannot be any kubelet's, whatever else it asks for;
    "" for one that is well made. `subject` are its attributes in their order, by their short names ("O", "CN")."""

    model_config = ConfigDict(frozen=True)

    flaw: str = ""
    subject: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()


class SigningRequest(BaseModel):
    """A CertificateSigningRequest of the API. `signer` is "" where the API knows none (Kubernetes before 1.18).
    `decided` are the conditions that it has. Nothing of it is safe to be shown as it is: names and users may be
    anything."""

    model_config = ConfigDict(frozen=True)

    name: str
    uid: str
    created_at: datetime
    signer: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    usages: tuple[str, ...] = ()
    decided: tuple[str, ...] = ()
    asked: Asked


class Verdict(Model):
    """`code` is a word for the reason, `why` the reason; `node` whose certificate it would be, "" for nobody's."""

    name: Words
    uid: Words = ""
    use: Use | None = None
    node: Words = ""
    requestor: Words = ""
    action: Action
    code: str
    why: Words


class CsrReport(Model):
    """What waits, as one control-plane host told it; what is none of a kubelet's is left out."""

    host: str
    requests: tuple[Verdict, ...] = ()
    not_ready: tuple[Words, ...] = ()
    not_ready_count: int = 0
