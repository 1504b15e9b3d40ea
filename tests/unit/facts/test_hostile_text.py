"""Every parser, given anything at all: its value or PermanentError `node_output_unreadable`, nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders.frames import outcome
from holdfast.facts.disk import read_df
from holdfast.facts.etcd_config import read_etcd_config
from holdfast.facts.frames import pairs, sections
from holdfast.facts.kubeadm_config import read_certificates_dir
from holdfast.facts.kubelet import kubelet_version, static_pod_path
from holdfast.facts.openshift_api import read_cluster, silence
from holdfast.facts.openshift_host import raft_index, read_etcd_env, read_host
from holdfast.facts.openshift_release import read_release
from holdfast.facts.process import etcd_settings, flags
from holdfast.facts.static_pod import read_static_pod
from holdfast.facts.tools import tool_versions, version_in
from holdfast.models.command import CommandResult

PODS = tuple(f"manifest /etc/kubernetes/manifests/{name}-pod.yaml" for name in ("etcd", "kube-apiserver"))
QUESTIONS = (
    *("version", "infrastructure", "operators", "encryption kubeapiserver", "proxy", "etcd", "nodes", "machines"),
    *("machine-set", "pods"),
)
PARSERS: dict[str, Callable[[str], Any]] = {
    "df": lambda text: read_df("n1", text),
    "etcd's configuration": lambda text: read_etcd_config("n1", text),
    "sections": lambda text: sections("n1", "holdfast-survey-1", CommandResult(0, text)),
    "sections of a packed body": lambda text: sections(
        "n1", "holdfast-survey-1", CommandResult(0, f"holdfast-survey-1 gzip 9\n{text}\n")
    ),
    "sections of a plain body": lambda text: sections(
        "n1", "holdfast-survey-1", CommandResult(0, f"holdfast-survey-1 plain {len(text)}\n{text}")
    ),
    "pairs": pairs,
    "kubeadm's ConfigMap": lambda text: read_certificates_dir("n1", text),
    "kubelet's configuration": lambda text: static_pod_path({}, "n1", text),
    "kubelet's version": kubelet_version,
    "flags": lambda text: flags(text.splitlines()),
    "etcd's settings": lambda text: etcd_settings(text.splitlines(), pairs(text)),
    "a manifest": lambda text: read_static_pod("etcd.yaml", text, "etcd"),
    "tools": lambda text: tool_versions({"curl": text}),
    "a version": version_in,
    "etcd.env": read_etcd_env,
    "revision.json": raft_index,
    "a release": read_release,
    "an OpenShift host": lambda text: read_host(
        dict.fromkeys(("scripts", "etcd-env", "data", "revision", *PODS), text)
    ),
    "an OpenShift API": lambda text: read_cluster({f"api {question}": text for question in QUESTIONS}),
    "an API that failed": lambda text: (
        silence({"api version failed": text}),
        read_cluster({"api version": "", **{f"api {question} failed": text for question in QUESTIONS}}),
    ),
}
LINES = st.lists(
    st.sampled_from(["a: [", "- b", "&x [*x]", "{a: 1}", "? ", "---", "!!python/object:os.system x", "<<: 1"])
)


@pytest.mark.parametrize("parser", PARSERS)
@given(text=st.text() | st.binary().map(lambda data: data.decode("latin-1")) | LINES.map("\n".join))
@example(text="[" * 3_000)
@example(text="{a: " * 3_000)
@example(text="a: 2001-13-45\n")
@example(text="a: !!binary '*'\n")
@settings(deadline=None)
def test_any_text_is_read_or_unreadable(parser: str, text: str) -> None:
    assert outcome(PARSERS[parser], text) in {"read", "node_output_unreadable", "node_output_truncated"}
