"""Surveys of nodes and what their members said; healthy unless told otherwise. Node N has etcd-N (etcd_facts.py)."""

from typing import Any

from builders.etcd_facts import endpoint, member, status
from holdfast.models.node import ApiServerLayout, EtcdLayout, NodeEtcd, NodeSurvey

GIB = 1024**3
TOOLS = {"curl": "7.88.1", "zstd": "1.5.4", "gzip": "1.12", "sha256sum": "9.1", "setsid": "2.38.1", "crictl": ""}


def layout(number: int, *, container: bool = True) -> EtcdLayout:
    pki = "/etc/kubernetes/pki/etcd"
    return EtcdLayout(
        name=f"etcd-{number}",
        data_dir="/var/lib/etcd",
        host_data_dir="/var/lib/etcd",
        client_urls=(endpoint(number),),
        ca=f"{pki}/ca.crt",
        cert=f"{pki}/healthcheck-client.crt",
        key=f"{pki}/healthcheck-client.key",
        container=container,
    )


def survey(number: int, **changes: Any) -> NodeSurvey:
    known = NodeSurvey(
        node=f"n{number}",
        hostname=f"n{number}",
        boot_id="b",
        machine="x86_64",
        clock_offset_s=0.0,
        tools=TOOLS,
        work_free=10 * GIB,
        data_free=10 * GIB,
        topology="stacked",
        etcd=layout(number),
        apiserver=ApiServerLayout(etcd_servers=("https://127.0.0.1:2379",)),
    )
    return known.model_copy(update=changes)


def without(*tools: str) -> dict[str, str]:
    return {name: version for name, version in TOOLS.items() if name not in tools}


def told(number: int, *, cluster: str = "c", members: int = 3, **changes: Any) -> NodeEtcd:
    known = NodeEtcd(
        node=f"n{number}",
        cluster_id=cluster,
        status=status(number),
        members=tuple(member(each) for each in range(1, members + 1)),
    )
    return known.model_copy(update=changes)
