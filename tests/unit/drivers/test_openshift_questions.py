"""etcd_facts.sh on a host of OpenShift: etcdctl in the member's pod, whose variables say what arguments would."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from builders.questions import Asker, etcd_of_the_environment
from builders.shell import Shell
from holdfast.drivers import etcdctl
from holdfast.errors import PermanentError, TransientError
from holdfast.models.node import EtcdLayout


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with etcd_of_the_environment(tmp_path_factory.mktemp("member")) as (_, environment):
        yield environment


@pytest.fixture(params=[shell for shell in get_args(Shell) if shell != "bash"])
def shell(request: pytest.FixtureRequest) -> Shell:
    found: Shell = request.param
    return found


def layout(member: dict[str, str]) -> EtcdLayout:
    """Its files are named as the host has them: the container has them elsewhere."""
    return EtcdLayout(
        name="master-0",
        data_dir="/var/lib/etcd",
        host_data_dir="/var/lib/etcd",
        client_urls=(member["ETCD_ADVERTISE_CLIENT_URLS"],),
        ca="/not/in/the/container/ca.crt",
        cert="/not/in/the/container/peer.crt",
        key="/not/in/the/container/peer.key",
        container=True,
        namespace="openshift-etcd",
    )


def host(folder: Path, shell: Shell, member: dict[str, str], *, namespace: str = "openshift-etcd") -> Asker:
    """Its crictl knows one container, and gives what runs in it the variables of the pod."""
    asker = Asker(folder, shell)
    crictl = folder / "bin/crictl"
    crictl.write_text(
        f"""#!/bin/sh
case $1 in
ps) case " $* " in *" --name ^etcd\\$ --label io.kubernetes.pod.namespace={namespace} -q "*) echo c0ffee ;; esac ;;
exec)
	[ "$2" = c0ffee ] || exit 1
	shift 2
	exec env ETCDCTL_API=3 ETCDCTL_CACERT={member["ETCD_TRUSTED_CA_FILE"]} ETCDCTL_CERT={member["ETCD_CERT_FILE"]} \\
		ETCDCTL_KEY={member["ETCD_KEY_FILE"]} ETCDCTL_ENDPOINTS=https://127.0.0.1:1,https://127.0.0.1:2 "$@"
	;;
esac
"""
    )
    crictl.chmod(0o755)
    return asker


def test_the_member_of_the_host_is_asked_with_the_variables_of_its_pod(
    tmp_path: Path, shell: Shell, member: dict[str, str]
) -> None:
    known = layout(member)
    result = host(tmp_path / "host", shell, member).ask(etcdctl.facts_command(known))
    told = etcdctl.read_facts("master-0", result, known)
    assert told.status.is_leader
    assert [(each.member_id, each.name) for each in told.members] == [(told.status.member_id, "outside-1")]
    assert (told.alarms, told.notes, told.etcdctl_version) == ((), (), "3.5.1")


def test_arguments_for_certificates_would_be_refused_there(tmp_path: Path, member: dict[str, str]) -> None:
    """The trap itself: what kubeadm's members are asked with is an error to etcdctl in such a pod."""
    as_for_kubeadm = layout(member).model_copy(update={"namespace": "kube-system"})
    asker = host(tmp_path / "host", "dash", member, namespace="kube-system")
    with pytest.raises(PermanentError, match="is shadowed by corresponding command-line flag"):
        etcdctl.read_facts("master-0", asker.ask(etcdctl.facts_command(as_for_kubeadm)), as_for_kubeadm)


def test_a_container_of_another_namespace_is_not_the_member(tmp_path: Path, member: dict[str, str]) -> None:
    known = layout(member)
    asker = host(tmp_path / "host", "dash", member, namespace="somebody-elses")
    with pytest.raises(TransientError) as caught:
        etcdctl.read_facts("master-0", asker.ask(etcdctl.facts_command(known)), known)
    assert caught.value.code == "node_etcd_not_running"


def test_without_a_shell_the_same_variable_names_the_member(member: dict[str, str]) -> None:
    known = layout(member)
    url = known.client_urls[0]
    assert etcdctl.argv(known, "version") == ("env", f"ETCDCTL_ENDPOINTS={url}", "etcdctl", "version")
    assert etcdctl.questions(known)["status"][:3] == ("env", f"ETCDCTL_ENDPOINTS={url}", "etcdctl")
