"""Which kinds there are, by which names, and where each lies: in the API, and in etcd."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    """`path` is a JSONPath within the object, or "@" and the name of what is worked out (tables.py). A wide one is
    shown with -o wide only."""

    name: str
    path: str
    wide: bool = False


AGE = Column("Age", "@age")


@dataclass(frozen=True)
class Kind:
    """`columns` come after the name. A kind of OpenShift's groups is one that a CustomResourceDefinition made: its
    objects have a generation, and are not updated without the version that they had."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = False
    short: tuple[str, ...] = ()
    columns: tuple[Column, ...] = (AGE,)
    below: str = ""
    subresources: tuple[str, ...] = field(default=("status",))

    @property
    def custom(self) -> bool:
        return self.group.endswith("openshift.io")

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As messages have it: etcds.operator.openshift.io, nodes."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def called(self) -> str:
        """As kubectl prints it before a name: etcd.operator.openshift.io, node."""
        return f"{self.name.lower()}.{self.group}" if self.group else self.name.lower()

    @property
    def root(self) -> str:
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        parts = [self.root, *(("namespaces", namespace) if self.namespaced and namespace else ()), self.plural]
        return "/".join(part for part in (*parts, name, subresource) if part)

    def key(self, prefix: str, namespace: str = "", name: str = "") -> str:
        """Without a name one that all keys of the namespace, or of the kind, begin with."""
        folder = self.below or (f"{self.group}/{self.plural}" if self.custom else self.plural)
        return "/".join(part for part in (prefix, folder, namespace if self.namespaced else "") if part) + f"/{name}"


def _condition(name: str, kind: str) -> Column:
    return Column(name, f'{{.status.conditions[?(@.type=="{kind}")].status}}')


_STATES = tuple(_condition(each, each) for each in ("Available", "Progressing"))
_OPERATOR = "operator.openshift.io"
_CONFIG = "config.openshift.io"
_MACHINE = "machine.openshift.io"
_MACHINE_COLUMNS = (
    Column("Phase", "{.status.phase}"),
    Column("Type", "{.metadata.labels.machine\\.openshift\\.io/instance-type}"),
    Column("Region", "{.metadata.labels.machine\\.openshift\\.io/region}"),
    Column("Zone", "{.metadata.labels.machine\\.openshift\\.io/zone}"),
    AGE,
    Column("Node", "{.status.nodeRef.name}", wide=True),
    Column("ProviderID", "{.spec.providerID}", wide=True),
    Column("State", "{.status.providerStatus.instanceState}", wide=True),
)
_SET_COLUMNS = (
    Column("Desired", "{.spec.replicas}"),
    Column("Current", "{.status.replicas}"),
    Column("Ready", "{.status.readyReplicas}"),
    Column("Available", "{.status.availableReplicas}"),
    AGE,
)

# A short word that two kinds have is the one's that comes first.
KINDS = (
    Kind(
        "Node",
        "nodes",
        short=("no",),
        below="minions",
        columns=(
            Column("Status", "@node-status"),
            Column("Roles", "@roles"),
            AGE,
            Column("Version", "{.status.nodeInfo.kubeletVersion}"),
            Column("Internal-IP", "@internal-ip", wide=True),
        ),
    ),
    Kind("Namespace", "namespaces", short=("ns",), columns=(Column("Status", "@namespace-status"), AGE)),
    Kind(
        "Pod",
        "pods",
        namespaced=True,
        short=("po",),
        columns=(
            Column("Ready", "@pod-ready"),
            Column("Status", "@pod-status"),
            Column("Restarts", "@pod-restarts"),
            AGE,
            Column("IP", "{.status.podIP}", wide=True),
            Column("Node", "{.spec.nodeName}", wide=True),
        ),
    ),
    Kind(
        "Secret",
        "secrets",
        namespaced=True,
        columns=(Column("Type", "{.type}"), Column("Data", "@data"), AGE),
        subresources=(),
    ),
    Kind(
        "ConfigMap",
        "configmaps",
        namespaced=True,
        short=("cm",),
        columns=(Column("Data", "@data"), AGE),
        subresources=(),
    ),
    Kind(
        "Lease",
        "leases",
        "coordination.k8s.io",
        namespaced=True,
        columns=(Column("Holder", "{.spec.holderIdentity}"), AGE),
        subresources=(),
    ),
    Kind(
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "certificates.k8s.io",
        short=("csr",),
        columns=(
            AGE,
            Column("SignerName", "{.spec.signerName}"),
            Column("Requestor", "{.spec.username}"),
            Column("Condition", "@csr-condition"),
        ),
        subresources=("status", "approval"),
    ),
    *(
        Kind(name, f"{name.lower()}s", _OPERATOR)
        for name in ("Etcd", "KubeAPIServer", "KubeControllerManager", "KubeScheduler", "OpenShiftAPIServer")
    ),
    Kind("Authentication", "authentications", _CONFIG),
    Kind("Authentication", "authentications", _OPERATOR),
    Kind(
        "ClusterVersion",
        "clusterversions",
        _CONFIG,
        columns=(
            Column("Version", '{.status.history[?(@.state=="Completed")].version}'),
            *_STATES,
            Column("Since", '@since:{.status.conditions[?(@.type=="Progressing")].lastTransitionTime}'),
            Column("Status", '{.status.conditions[?(@.type=="Progressing")].message}'),
        ),
    ),
    Kind(
        "ClusterOperator",
        "clusteroperators",
        _CONFIG,
        short=("co",),
        columns=(
            Column("Version", '{.status.versions[?(@.name=="operator")].version}'),
            *_STATES,
            _condition("Degraded", "Degraded"),
            Column("Since", '@since:{.status.conditions[?(@.type=="Available")].lastTransitionTime}'),
        ),
    ),
    Kind("Infrastructure", "infrastructures", _CONFIG),
    Kind("Proxy", "proxies", _CONFIG),
    Kind("Machine", "machines", _MACHINE, "v1beta1", namespaced=True, columns=_MACHINE_COLUMNS),
    Kind("MachineSet", "machinesets", _MACHINE, "v1beta1", namespaced=True, columns=_SET_COLUMNS),
    Kind(
        "ControlPlaneMachineSet",
        "controlplanemachinesets",
        _MACHINE,
        namespaced=True,
        short=("cpms",),
        columns=(*_SET_COLUMNS[:-1], Column("State", "{.spec.state}"), AGE),
    ),
)


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    wanted = (group, version, plural)
    return next((kind for kind in KINDS if (kind.group, kind.version, kind.plural) == wanted), None)


def kind_called(word: str) -> Kind | None:
    """By the words that kubectl takes: etcds, etcd, co, etcds.operator.openshift.io, etcds.v1.operator.openshift.io."""
    name, _, group = word.lower().partition(".")
    for kind in KINDS:
        groups = ("", kind.group, f"{kind.version}.{kind.group}", kind.version)
        if name in (kind.plural, kind.name.lower(), *kind.short) and group in groups:
            return kind
    return None
