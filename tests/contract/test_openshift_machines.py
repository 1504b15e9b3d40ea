"""The machines that stand for OpenShift's control-plane hosts, held to what is known of the vendor's scripts.

One host per generation; what the scripts print and when they fail is what product code matches.
"""

import re
import subprocess
import tarfile
from collections.abc import Iterator

import pytest

from builders.openshift_node import RELEASES, OpenShiftCluster, OpenShiftNode, openshift_cluster
from builders.waiting import wait_for
from holdfast.errors import HoldfastError, PermanentError
from holdfast.local.machines.oc.client import Api
from holdfast.local.machines.oc.failures import AwayError
from holdfast.local.machines.openshift.layout import MANIFESTS, SCRIPTS
from holdfast.local.machines.openshift.operating import AnyApi, Knobs, set_operator
from holdfast.local.machines.openshift.pods import DATA, RESOURCES
from holdfast.models.openshift import Generation

SUCCESS = "snapshot db and kube resources are successfully saved to"
KEY = b"/kubernetes.io/configmaps/default/"
FORCES = ("4.6", "4.9", "4.11", "4.18")
OLD_DATA = "/var/lib/etcd-backup"


@pytest.fixture(scope="module", params=RELEASES)
def generation(request: pytest.FixtureRequest) -> Generation:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def cluster(generation: Generation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftCluster]:
    with openshift_cluster(tmp_path_factory.mktemp("openshift"), RELEASES[generation], 1, api=False) as made:
        yield made


@pytest.fixture
def host(cluster: OpenShiftCluster) -> OpenShiftNode:
    return cluster.nodes[0]


def said(host: OpenShiftNode, *argv: str, timeout_s: float = 30) -> tuple[int, str]:
    """The exit code and everything that was printed."""
    done = subprocess.run(
        [*host.enter(), *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_s, check=False
    )
    return done.returncode, done.stdout.decode()


def backup(host: OpenShiftNode, generation: Generation, folder: str) -> tuple[int, str]:
    """Without a look at the operators, where the script can be told so: nobody answers for them here."""
    force = ["--force"] if generation in FORCES else []
    return said(host, "/usr/local/bin/cluster-backup.sh", *force, folder)


def count(cluster: OpenShiftCluster, name: str) -> int:
    """Of keys that begin so; -1 while the member of the first host does not answer."""
    try:
        return cluster.client().key_count(cluster.endpoints[0], KEY.decode() + name)
    except HoldfastError:
        return -1


def containers(host: OpenShiftNode, namespace: str) -> set[str]:
    label = f"io.kubernetes.pod.namespace={namespace}"
    return {line.split()[6] for line in host.run("crictl", "ps", "--label", label).splitlines()[1:]}


def test_the_pod_of_etcd_has_the_containers_of_its_generation(host: OpenShiftNode, generation: Generation) -> None:
    more = {"4.11": {"etcd-readyz"}, "4.18": {"etcd-readyz", "etcd-rev", "etcd-backup-server"}}
    host.wait_until_runs("etcd")
    assert containers(host, "openshift-etcd") == {"etcdctl", "etcd", "etcd-metrics"} | more.get(generation, set())
    (found,) = host.run("crictl", "ps", "--label", "io.kubernetes.container.name=etcd", "-q").split()
    assert host.run("crictl", "ps", "--name", "^etcd$", "-q").split() == [found]
    assert len(host.run("crictl", "ps", "--name", "etcd", "-q").split()) > 1
    assert "kube-apiserver-cert-syncer" in containers(host, "openshift-kube-apiserver")


def test_the_pod_knows_its_certificates_by_its_environment(host: OpenShiftNode) -> None:
    (found,) = host.run("crictl", "ps", "--name", "^etcd$", "-q").split()
    endpoint = f"ETCDCTL_ENDPOINTS={host.host.client_url}"
    assert '"version":"3.5.1"' in host.run(
        "crictl", "exec", found, "env", endpoint, "etcdctl", "endpoint", "status", "-w", "json"
    )
    with pytest.raises(PermanentError, match="exit code"):
        host.run("crictl", "exec", found, "etcdctl", "--cacert", "/x", "endpoint", "status")


def test_a_backup_is_one_pair_that_ends_with_its_line(host: OpenShiftNode, generation: Generation) -> None:
    code, told = backup(host, generation, "/home/core/assets/backup")
    assert code == 0, told
    assert told.strip().endswith(f"{SUCCESS} /home/core/assets/backup")
    assert "Snapshot saved at /home/core/assets/backup/snapshot_" in told
    assert f"found latest etcd: {RESOURCES}/etcd-pod-3" in told
    assert ("Certificate" in told) == (generation in ("4.9", "4.11", "4.18"))
    assert ('"totalKey":' in told) == (generation != "4.4")
    dirty = "__POSSIBLY_DIRTY__" if generation in FORCES else ""
    names = sorted(path.name for path in host.path("/home/core/assets/backup").iterdir())
    stamps = {re.sub(r"^(snapshot|static_kuberesources)_|(\.db|\.tar\.gz)$", "", name) for name in names}
    assert len(names) == 2
    (stamp,) = stamps
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d_\d{{6}}{dirty}", stamp)
    bundle = host.path(f"/home/core/assets/backup/static_kuberesources_{stamp}.tar.gz")
    assert bundle.stat().st_mode & 0o777 == 0o600
    with tarfile.open(bundle) as tar:
        pods = [name for name in tar.getnames() if name.endswith("-pod.yaml")]
    assert sorted(pods) == [
        f"static-pod-resources/{each}-pod-3/{each}-pod.yaml"
        for each in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ]
    host.run("rm", "-r", "/home/core/assets/backup")


def test_whether_a_backup_can_be_forced_stands_in_its_script(host: OpenShiftNode, generation: Generation) -> None:
    code, _ = said(host, "grep", "-q", "--", "--force", "/usr/local/bin/cluster-backup.sh")
    assert (code == 0) == (generation in FORCES)
    assert host.path("/usr/local/bin/disable-etcd.sh").exists() == (generation == "4.18")
    assert host.path("/usr/local/bin/quorum-restore.sh").exists() == (generation == "4.18")


def test_without_an_api_server_a_backup_that_is_not_forced_is_refused_from_4_6_on(
    host: OpenShiftNode, generation: Generation
) -> None:
    host.crash("kube-apiserver")
    host.run(
        "sh", "-c", "kill $(crictl inspect $(crictl ps --name '^kube-apiserver$' -q) | sed 's/.*\"pid\": //; s/}.*//')"
    )
    wait_for(lambda: not host.runs("kube-apiserver"), "the end of the API server", 10)
    code, told = said(host, "/usr/local/bin/cluster-backup.sh", "/home/core/assets/refused")
    host.crash("kube-apiserver", on=False)
    host.wait_until_runs("kube-apiserver")
    if generation == "4.4":
        assert (code, SUCCESS in told) == (0, True)
    else:
        assert code == 1
        assert "Could not find the status of the kube-apiserver. Check if the API server is running." in told
        assert host.path("/home/core/assets/refused").exists()
    host.run("rm", "-r", "/home/core/assets/refused")


def test_while_an_operator_progresses_a_backup_is_refused_from_4_6_on(
    host: OpenShiftNode, cluster: OpenShiftCluster, generation: Generation
) -> None:
    api = wait_for(lambda: answering(cluster), "the API server", 20)
    set_operator(api, "kube-scheduler", Knobs(), progressing="1 nodes are at revision 4")
    code, told = said(host, "/usr/local/bin/cluster-backup.sh", "/home/core/assets/progressing")
    set_operator(api, "kube-scheduler", Knobs())
    wait = "Currently the kube-scheduler operator is progressing. A reliable backup requires that a rollout is not"
    assert (code == 0) == (generation == "4.4")
    assert (wait in told) == (generation != "4.4")
    assert said(host, "/usr/local/bin/cluster-backup.sh", "/home/core/assets/progressing")[0] == 0
    host.run("rm", "-r", "/home/core/assets/progressing")


def answering(cluster: OpenShiftCluster) -> Api | None:
    try:
        return AnyApi(cluster).answering()
    except AwayError:
        return None


def test_a_backup_needs_root_and_a_control_plane_host(host: OpenShiftNode, generation: Generation) -> None:
    told = said(host, "setpriv", "--reuid", "1000", "bash", "/usr/local/bin/cluster-backup.sh", "/tmp/x")[1]
    assert "This script must be run as root" in told or "Permission denied" in told
    env = host.path(f"{SCRIPTS}/etcd.env")
    env.rename(env.with_suffix(".away"))
    code, told = backup(host, generation, "/home/core/assets/refused")
    env.with_suffix(".away").rename(env)
    assert (code, "required dependencies not found" in told) == (1, True)


def test_a_backup_from_4_6_on_needs_the_manifest_of_every_pod(host: OpenShiftNode, generation: Generation) -> None:
    host.run("mv", f"{MANIFESTS}/kube-scheduler-pod.yaml", "/root/")
    code, told = backup(host, generation, "/home/core/assets/refused")
    host.run("mv", "/root/kube-scheduler-pod.yaml", f"{MANIFESTS}/")
    missing = "error finding manifests for the kube-scheduler pod. please check if it is running."
    assert (code == 0) == (generation == "4.4")
    assert (missing in told) == (generation != "4.4")
    host.run("rm", "-r", "/home/core/assets/refused")


def test_etcdctl_of_an_older_release_is_used_again_before_4_11(host: OpenShiftNode, generation: Generation) -> None:
    old = f"{RESOURCES}/bin/etcdctl"
    host.write(old, "#!/bin/sh\necho 'Error: an old one'\nexit 3\n", mode=0o755)
    code, told = backup(host, generation, "/home/core/assets/stale")
    stale = generation in ("4.4", "4.6", "4.9")
    assert ("Error: an old one" in told) == stale
    assert (code == 0) == (not stale)
    if stale:
        assert list(host.path("/home/core/assets/stale").iterdir()) == []
    host.run("rm", "-rf", "/home/core/assets/stale", old)


def test_without_the_image_and_without_a_copy_there_is_no_backup(host: OpenShiftNode, generation: Generation) -> None:
    host.run("rm", "-rf", f"{RESOURCES}/bin")
    host.break_registry("proxy")
    code, told = backup(host, generation, "/home/core/assets/none")
    assert (code, "Could neither pull etcdctl nor find it locally in cache. Aborting!" in told) == (1, True)
    # An `exit` fires no trap: what was made so far stays.
    assert [path.suffix for path in host.path("/home/core/assets/none").iterdir()] == [".gz"]
    host.run("rm", "-r", "/home/core/assets/none")
    force = ["--force"] if generation in FORCES else []
    proxied = said(
        host,
        "env",
        "HTTPS_PROXY=http://proxy:3128",
        "/usr/local/bin/cluster-backup.sh",
        *force,
        "/home/core/assets/proxied",
    )
    host.break_registry("")
    assert proxied[0] == 0
    host.run("rm", "-r", "/home/core/assets/proxied")


def test_a_restore_goes_back_in_time_and_keeps_the_old_data_until_the_next_one(
    host: OpenShiftNode, cluster: OpenShiftCluster, generation: Generation
) -> None:
    cluster.writer().put(KEY + b"kept", b"x")
    assert backup(host, generation, "/home/core/backup")[0] == 0
    old = (host.path(DATA) / "member").stat().st_ino
    for each in range(2):
        cluster.writer().put(KEY + b"since", b"x")
        code, told = said(host, "/usr/local/bin/cluster-restore.sh", "/home/core/backup", timeout_s=60)
        assert code == 0, told
        assert told.index("...stopping etcd-pod.yaml") < told.index("Waiting for container etcd to stop")
        assert f"Moving etcd data-dir {DATA}/member to {OLD_DATA}" in told
        assert ("removing previous backup" in told) == (each == 1)
        assert "starting restore-etcd static pod" in told
        assert ("starting kube-apiserver-pod.yaml" in told) == (generation != "4.18")
        wait_for(lambda: count(cluster, "since") == 0, "a restored etcd", 20)
        assert count(cluster, "kept") == 1
        (member,) = cluster.client().facts().members
        assert member.peer_urls == (host.host.peer_url,)
        assert containers(host, "openshift-etcd") == {"etcd"}
        assert not host.path(f"{OLD_DATA}/snapshot.db").exists()
        assert (host.path(f"{OLD_DATA}/member").stat().st_ino == old) == (each == 0)
    cluster.install(host, "etcd", 4)
    host.wait_until_runs("etcdctl")
    cluster.wait_until_healthy()
    host.run("rm", "-r", "/home/core/backup")


def test_a_restore_takes_the_last_of_each_by_name_whether_they_are_a_pair_or_not(
    host: OpenShiftNode, cluster: OpenShiftCluster, generation: Generation
) -> None:
    assert backup(host, generation, "/home/core/two")[0] == 0
    host.run("sh", "-c", "cp /home/core/two/snapshot_*.db /home/core/two/snapshot_2999-01-01_000000.db")
    host.run(
        "sh", "-c", "cp /home/core/two/static*.tar.gz /home/core/two/static_kuberesources_2000-01-01_000000.tar.gz"
    )
    host.run("sh", "-c", "echo damaged >/home/core/two/snapshot_2999-01-01_000000.db")
    code, told = said(host, "/usr/local/bin/cluster-restore.sh", "/home/core/two", timeout_s=60)
    if generation == "4.4":  # nobody looks at the snapshot before the data are gone
        assert code == 0, told
        assert not (host.path(DATA) / "member").exists()
        host.run("sh", "-c", f"rm -f {OLD_DATA}/snapshot.db; mv {MANIFESTS}/etcd-pod.yaml /root/")
        wait_for(lambda: not host.runs("etcd"), "the end of the pod", 10)
        host.run("sh", "-c", f"rm -rf {DATA}/member && mv {OLD_DATA}/member {DATA}/")
        cluster.install(host, "etcd", 5)
    else:
        assert (code, "Backup integrity verification failed" in told) == (1, True)
    cluster.wait_until_healthy()
    host.run("rm", "-r", "/home/core/two")


def test_a_restore_waits_for_a_container_as_long_as_it_runs(host: OpenShiftNode, generation: Generation) -> None:
    assert backup(host, generation, "/home/core/held")[0] == 0
    host.hold("etcd-metrics")
    code, told = said(host, "timeout", "3", "/usr/local/bin/cluster-restore.sh", "/home/core/held")
    assert code == 124
    assert told.rstrip(".").endswith("Waiting for container etcd-metrics to stop\n")
    host.hold("etcd-metrics", on=False)
    host.run("sh", "-c", f"mv /home/core/assets/manifests-stopped/*.yaml {MANIFESTS}/; rm -r /home/core/held")
    host.wait_until_runs("etcd")


def test_a_stray_file_leaves_a_host_of_4_18_half_restored(
    host: OpenShiftNode, cluster: OpenShiftCluster, generation: Generation
) -> None:
    cluster.wait_until_healthy()
    assert backup(host, generation, "/home/core/stray")[0] == 0
    host.write(f"{DATA}/old-snapshot.db", "x")
    code, told = said(host, "/usr/local/bin/cluster-restore.sh", "/home/core/stray", timeout_s=60)
    host.run("rm", f"{DATA}/old-snapshot.db")
    if generation == "4.18":
        assert (code, "is not empty, please review and remove all files in it" in told) == (1, True)
        assert not host.path(f"{MANIFESTS}/etcd-pod.yaml").exists()
        assert host.path(f"{OLD_DATA}/member").exists()
        host.run(
            "sh",
            "-c",
            f"mv {OLD_DATA}/member {DATA}/ && mv /home/core/assets/manifests-stopped/etcd-pod.yaml {MANIFESTS}/",
        )
    else:
        # The pod refuses, again and again, until somebody looks.
        assert code == 0
    cluster.wait_until_healthy()
