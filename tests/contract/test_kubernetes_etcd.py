"""etcd through port-forwards of the double of the API server: real members, real TLS on both layers."""

import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from builders import kubernetes_proof as proof
from builders.etcd_tls import tls_of
from builders.kubernetes_api import kubernetes_api
from builders.kubernetes_state import TOKEN, KubernetesApiServer
from holdfast.errors import HoldfastError, PermanentError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.etcd_member import free_port
from holdfast.local.pki import issue_ca
from holdfast.models.cluster import KubernetesTransport
from holdfast.models.credentials import EtcdTls, KubernetesAccess
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.etcd import kubernetes_etcd
from holdfast.transports.kubernetes.exec import Container, execute
from holdfast.transports.kubernetes.port_forward import port_forward

SPEC = KubernetesTransport(
    kind="kubernetes", credentials="holdfast/prod-1/kubernetes", etcd_credentials="holdfast/prod-1/etcd"
)
QUICK = EtcdDeadlines(call_s=3.0)
ETCD = Container("kube-system", "etcd-n1", "etcd")


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    with LocalEtcd.start(tmp_path_factory.mktemp("etcd"), members=1) as cluster:
        writer = cluster.writer()
        for number in range(40):
            writer.put(f"/registry/configmaps/default/{number}".encode(), bytes([number]) * 500_000)
        yield cluster


@pytest.fixture
def server(etcd: LocalEtcd) -> Iterator[KubernetesApiServer]:
    with kubernetes_api() as up:
        up.add_etcd_pod("n1", etcd.endpoints[0])
        yield up


def cluster_of(server: KubernetesApiServer, tls: EtcdTls, *, access: KubernetesAccess | None = None) -> GrpcEtcdCluster:
    return kubernetes_etcd(SPEC, access or server.access, tls, deadlines=QUICK)


def forwards(server: KubernetesApiServer) -> int:
    return len([each for each in server.requests if "/portforward?" in each])


def error(server: KubernetesApiServer, etcd: LocalEtcd) -> HoldfastError:
    return proof.error_of(lambda: cluster_of(server, etcd.tls).facts())


def test_every_member_gives_a_whole_snapshot(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    proof.every_member_gives_a_whole_snapshot(cluster_of(server, etcd.tls))

    assert forwards(server) > 1


def test_leaving_a_snapshot_in_the_middle_closes_its_connection(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    cluster = cluster_of(server, etcd.tls)
    with cluster.snapshot(etcd.endpoints[0]) as blobs:
        next(iter(blobs))

    assert cluster.key_count(etcd.endpoints[0], "/registry/") == 40


def test_a_member_of_another_authority_is_not_trusted(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    other = tls_of(issue_ca(), etcd.authority.issue_client())

    assert proof.error_of(lambda: cluster_of(server, other).facts()).code == "etcd_untrusted"


def test_a_certificate_must_carry_the_endpoints_name_and_not_the_listeners(
    server: KubernetesApiServer, etcd: LocalEtcd
) -> None:
    port = etcd.endpoints[0].rpartition(":")[2]
    server.add_etcd_pod("n1", f"https://10.1.2.3:{port}")

    assert error(server, etcd).code == "etcd_name_mismatch"


def test_a_server_name_stands_for_the_endpoints_name(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    port = etcd.endpoints[0].rpartition(":")[2]
    server.add_etcd_pod("n1", f"https://10.1.2.3:{port}")
    spec = SPEC.model_copy(update={"server_name": "localhost"})

    facts = kubernetes_etcd(spec, server.access, etcd.tls, deadlines=QUICK).facts()

    assert facts.statuses[0].endpoint == f"https://10.1.2.3:{port}"


def test_a_pod_that_moved_is_told_with_where_the_pods_are_now(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    cluster = cluster_of(server, etcd.tls)
    server.remove_pod("etcd-n1")
    server.add_etcd_pod("n2", "https://10.1.2.3:2379")

    found = proof.error_of(lambda: cluster.hash_kv(etcd.endpoints[0], 0))

    assert (found.family, found.code) == ("permanent", "etcd_pod_moved")
    assert "n2" in found.message
    assert "https://10.1.2.3:2379" in found.message


def test_a_cluster_without_etcd_pods_says_so(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    server.remove_pod("etcd-n1")

    assert error(server, etcd).code == "kubernetes_no_etcd_pods"


def test_a_port_that_nobody_listens_on_is_told_in_the_pods_words(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    server.add_etcd_pod("n1", f"https://127.0.0.1:{free_port()}")

    found = error(server, etcd)

    assert (found.family, found.code) == ("transient", "kubernetes_forward_failed")
    assert "failed to connect" in found.message


@pytest.mark.parametrize(
    ("rights", "missing"),
    [(set(), "list pods"), ({("list", "pods")}, "get pods/portforward")],
)
def test_a_missing_right_is_named(
    server: KubernetesApiServer, etcd: LocalEtcd, rights: set[tuple[str, str]], missing: str
) -> None:
    server.rights = rights

    found = error(server, etcd)

    assert (found.family, found.code) == ("permanent", "kubernetes_forbidden")
    assert f"missing: {missing} in kube-system" in found.hint


def test_a_token_that_expired_is_told_without_the_token(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    old = KubernetesAccess.model_validate(
        {"server": server.url, "ca": server.authority.certificate, "token": "k8s-aws-v1.expired"}
    )

    found = proof.error_of(lambda: cluster_of(server, etcd.tls, access=old))

    assert (found.family, found.code) == ("permanent", "kubernetes_unauthorized")
    assert "15 minutes" in found.hint
    assert "expired" not in f"{found.message}".replace("tokens expire", "")


def test_the_token_is_in_no_log_and_no_error(
    server: KubernetesApiServer, etcd: LocalEtcd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cluster_of(server, etcd.tls).facts()
    server.rights = set()
    found: BaseException | None = error(server, etcd)

    assert "/api/v1/namespaces/kube-system/pods" in caplog.text  # the libraries do log
    assert TOKEN not in caplog.text
    while found is not None:
        assert TOKEN not in f"{found!r}{vars(found)}"
        found = found.__cause__ or found.__context__


def test_an_api_server_of_another_authority_is_not_trusted(server: KubernetesApiServer, etcd: LocalEtcd) -> None:
    foreign = server.access.model_copy(update={"ca": tls_of(issue_ca(), etcd.authority.issue_client()).ca})

    found = proof.error_of(lambda: cluster_of(server, etcd.tls, access=foreign))

    assert (found.family, found.code) == ("permanent", "kubernetes_untrusted")
    assert server.requests == []


def test_a_server_name_stands_for_the_api_servers_address(server: KubernetesApiServer) -> None:
    with KubernetesApi(server.access.model_copy(update={"server_name": "localhost"})) as api:
        assert api.pods("kube-system")
        assert execute(api, ETCD, ["etcdctl", "version"]).exit_code == 0
    with KubernetesApi(server.access.model_copy(update={"server_name": "other.example"})) as api:
        assert proof.error_of(lambda: api.pods("kube-system")).code == "kubernetes_untrusted"
        assert proof.error_of(lambda: execute(api, ETCD, ["etcdctl"])).code == "kubernetes_untrusted"


def test_nobody_at_the_address_is_transient(etcd: LocalEtcd) -> None:
    access = KubernetesAccess.model_validate({"server": f"https://127.0.0.1:{free_port()}", "token": "t"})

    found = proof.error_of(lambda: kubernetes_etcd(SPEC, access, etcd.tls))

    assert (found.family, found.code) == ("transient", "kubernetes_unreachable")
    assert "Connection refused" in found.message


def test_what_one_side_still_sends_after_the_other_ended_arrives(server: KubernetesApiServer) -> None:
    got = bytearray()
    answer = bytearray()
    with (
        socket.create_server(("127.0.0.1", 0)) as pod,
        KubernetesApi(server.access) as api,
        port_forward(api, "kube-system", "etcd-n1", pod.getsockname()[1]) as where,
        socket.create_connection(where) as ours,
    ):
        ours.sendall(b"x" * 100_000)
        ours.shutdown(socket.SHUT_WR)
        theirs, _ = pod.accept()
        with theirs:
            while len(got) < 100_000:
                got += theirs.recv(1 << 16)
            sending = threading.Thread(target=theirs.sendall, args=(b"y" * 3_000_000,))
            sending.start()
            while len(answer) < 3_000_000:
                answer += ours.recv(1 << 16)
            sending.join()
        assert ours.recv(1) == b""
    assert bytes(got) == b"x" * 100_000
    assert bytes(answer) == b"y" * 3_000_000


def test_a_connection_that_we_ended_does_not_wait_for_a_silent_pod(server: KubernetesApiServer) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as pod,
        KubernetesApi(server.access) as api,
        port_forward(api, "kube-system", "etcd-n1", pod.getsockname()[1], idle_s=0.2) as where,
    ):
        socket.create_connection(where).close()
        theirs, _ = pod.accept()
        with theirs:
            theirs.settimeout(30)
            assert theirs.recv(1) == b""


def test_leaving_the_block_closes_what_is_open(server: KubernetesApiServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as pod, KubernetesApi(server.access) as api:
        with port_forward(api, "kube-system", "etcd-n1", pod.getsockname()[1]) as where:
            ours = socket.create_connection(where)
            theirs, _ = pod.accept()
        with ours, theirs:
            assert ours.recv(1) == b""
            assert theirs.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)


def test_an_error_of_the_block_itself_stays_what_it_is(server: KubernetesApiServer) -> None:
    with (
        pytest.raises(PermanentError, match="own"),
        KubernetesApi(server.access) as api,
        port_forward(api, "kube-system", "etcd-n1", 1),
    ):
        raise PermanentError("unclassified", "own")


def test_a_program_in_the_etcd_container_ends_with_its_own_words(server: KubernetesApiServer) -> None:
    with KubernetesApi(server.access) as api:
        version = execute(api, ETCD, ["etcdctl", "version"])
        wrong = execute(api, ETCD, ["etcdctl", "nonsense", "a b", "$(id)"])

    assert version.stdout.startswith(b"etcdctl version: 3.")
    assert version.exit_code == 0
    assert wrong.exit_code != 0
    assert b"nonsense" in wrong.stderr + wrong.stdout


def test_output_beyond_the_limit_is_cut_and_said_so(server: KubernetesApiServer) -> None:
    with KubernetesApi(server.access) as api:
        whole = execute(api, ETCD, ["/bin/echo", "abc"], limit=4)
        cut = execute(api, ETCD, ["/bin/echo", "abcd"], limit=4)

    assert (whole.stdout, whole.truncated) == (b"abc\n", False)
    assert (cut.stdout, cut.truncated) == (b"abcd", True)


def test_bytes_of_every_value_come_through(server: KubernetesApiServer) -> None:
    data = bytes(range(256)) * 4000
    with KubernetesApi(server.access) as api:
        echoed = execute(api, ETCD, ["/usr/bin/head", "-c", str(len(data))], stdin=data, limit=len(data))

    assert echoed.stdout == data


def test_a_program_that_the_container_has_not_is_told_apart_from_one_that_fails(server: KubernetesApiServer) -> None:
    with KubernetesApi(server.access) as api:
        found = proof.error_of(lambda: execute(api, ETCD, ["nosuch"]))

    assert (found.family, found.code) == ("permanent", "kubernetes_exec_failed")
    assert "nosuch" in found.message


def test_a_program_that_does_not_end_meets_its_deadline(server: KubernetesApiServer) -> None:
    with KubernetesApi(server.access) as api:
        found = proof.error_of(lambda: execute(api, ETCD, ["/bin/sleep", "3"], timeout_s=0.3))

    assert (found.family, found.code) == ("transient", "kubernetes_exec_timeout")
