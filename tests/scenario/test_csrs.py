"""Certificate requests of kubelets, from the plan's step to the API: real scripts, a real etcd, an `oc` that asks."""

import base64
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from builders.csr_cluster import CsrCluster, machine_object, node_object, now
from builders.csrs import NODE_GROUPS, W1, W2, client, pem, serving, subject_of
from builders.openshift_api import OpenShiftApi, openshift_api
from holdfast.drivers.openshift.csr_steps import csr_steps
from holdfast.local.machines.apiserver.kinds import kind_called
from holdfast.local.machines.openshift import asking
from holdfast.local.machines.openshift.layout import BOOTSTRAPPER
from holdfast.models.csr import CLIENT_SIGNER, SERVING_SIGNER, CsrNode, CsrPage
from holdfast.planning.csr_rounds import verdicts_of

BOTH = f"{CLIENT_SIGNER} {SERVING_SIGNER}"
# Nothing shall wait for what does not come.
QUICKLY = {"quiet_s": "0"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftApi]:
    with openshift_api(tmp_path_factory.mktemp("csrs")) as up:
        yield up


@pytest.fixture
def cluster(server: OpenShiftApi, tmp_path: Path) -> CsrCluster:
    made = CsrCluster(server, tmp_path / "host").clear()
    made.put(node_object(W1), node_object(W2))
    return made


def page_of(cluster: CsrCluster, **values: str) -> CsrPage:
    ended = cluster.run(**{"signers": BOTH} | values)
    assert ended.exit_code == 0, ended
    return CsrPage.model_validate(ended.report)


def told(page: CsrPage) -> dict[str, str]:
    return {each.name: each.code for each in verdicts_of(page, frozenset())}


def test_a_kubelet_gets_both_certificates_in_two_waves(cluster: CsrCluster) -> None:
    """And the one that nobody knows, whose request comes by the way, gets none."""
    cluster.between = cluster.kubelets(W1)
    cluster.put(client("mallory", "csr-m", at=now()))
    cluster.scene(csr_steps("n1"), **QUICKLY).go_through("Finished")
    assert cluster.approved() == {"csr-a-worker-1", "csr-b-worker-1"}


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_a_page_has_what_waits_and_the_nodes_that_it_is_about(server: OpenShiftApi, tmp_path: Path, shell: str) -> None:
    cluster = CsrCluster(server, tmp_path / "host", shell).clear()  # type: ignore[arg-type]
    cluster.put(node_object(W1), node_object(W2), machine_object("m1", "worker-1", *W1.addresses))
    cluster.put(client(name="csr-1", at=now()), serving(name="csr-2", at=now()), client(name="csr-3", at=now()))
    cluster.put({**client(name="csr-4", at=now()), "status": {"conditions": [{"type": "Denied", "status": "True"}]}})
    page = page_of(cluster)
    assert told(page) == {"csr-1": "superseded", "csr-2": "own_addresses", "csr-3": "returns"}
    assert [each.name for each in page.nodes] == ["worker-1"]
    assert page.nodes[0].addresses == W1.addresses
    assert page.machines is not None
    assert page.machines[0].addresses == W1.addresses
    assert (page.next, page.not_ready, page.not_ready_count) == ("", ("worker-1",), 1)


def test_more_requests_than_fit_into_one_answer_are_approved_page_by_page(cluster: CsrCluster) -> None:
    nodes = [
        CsrNode(
            name=f"worker-{number:03}",
            ready="Unknown",
            addresses=(f"worker-{number:03}", f"10.0.{number // 100}.{number % 100}"),
        )
        for number in range(90)
    ]
    cluster.put(*map(node_object, nodes), *(client(each.name, f"csr-{each.name}", at=now()) for each in nodes))
    cluster.put(*(client("worker-9", f"csr-hostile-{number}", at=now()) for number in range(30)))
    cluster.scene(csr_steps("n1")[:1], **QUICKLY).go_through("Finished")
    assert cluster.approved() == {f"csr-{each.name}" for each in nodes}
    assert 5000 < cluster.longest < 22_000


def test_a_request_far_too_large_is_told_and_keeps_no_other_from_its_turn(cluster: CsrCluster) -> None:
    import random

    noise = base64.b64encode(random.Random(7).randbytes(60_000))
    cluster.put(client(name="csr-a", request=noise, at=now()), client(name="csr-b", at=now()))
    cluster.scene(csr_steps("n1")[:1], **QUICKLY).go_through("Finished")
    assert cluster.approved() == {"csr-b"}
    assert ["csr-a"] in [each["too_large"] for each in cluster.answers]


@pytest.mark.parametrize(
    "name",
    [
        "x|kubernetes.io/kubelet-serving|\ncsr-good",
        "csr-x --all",
        "$(touch pwned)",
        "-o=yaml",
        'csr"x',
        "csr;x",
        "CSR",
        "*",
    ],
)
def test_a_request_with_a_strange_name_is_never_approved_nor_run(cluster: CsrCluster, name: str) -> None:
    """The API asks nothing of such a name but that it has no slash."""
    cluster.put(client(name="csr-good", at=now()), client("worker-1", name, at=now() - timedelta(seconds=1)))
    cluster.scene(csr_steps("n1")[:1], **QUICKLY).go_through("Finished")
    assert cluster.approved() == {"csr-good"}
    assert list(cluster.folder.rglob("pwned")) == []


def test_a_user_whose_name_looks_like_rows_is_only_a_user(cluster: CsrCluster) -> None:
    user = 'x", "uid": "y"}}]}\n{"name": "worker-1|True|\n'
    cluster.put(client(name="csr-u", username=user, at=now()), client(name="csr-v", groups=["a|b\nc"], at=now()))
    assert told(page_of(cluster)) == {"csr-u": "requestor_differs", "csr-v": "groups_differ"}


def test_a_node_cannot_tell_of_another_node(cluster: CsrCluster) -> None:
    """A kubelet writes its own node's addresses, which may hold anything."""
    liar = CsrNode(name="worker-2", ready="True", addresses=("x\nworker-1|False|192.0.2.66", "192.0.2.12"))
    ready = W1.model_copy(update={"ready": "True"})
    cluster.put(node_object(ready), node_object(liar))
    cluster.put(client("worker-1", at=now()))
    assert told(page_of(cluster)) == {"csr-client": "node_ready"}


def test_an_address_that_two_nodes_claim_is_told(cluster: CsrCluster) -> None:
    liar = CsrNode(name="worker-2", ready="True", addresses=("worker-2", "192.0.2.11"))
    cluster.put(node_object(liar), serving(liar, at=now()))
    page = page_of(cluster)
    assert page.shared == ("192.0.2.11",)
    assert told(page) == {"csr-serving": "address_shared"}


# Whatever a kubelet writes into its node, to have an address that worker-1 has without being seen to claim it.
_CLAIMS = {
    "in a longer form": (("2001:db8:0:0::11",), "2001:db8::11"),
    "with an address of IPv4 in it": (("2001:db8::192.0.2.11",), "2001:db8::c000:20b"),
    "in a row without a name": (("x\nworker-2|True|y\nz", "192.0.2.11"), "192.0.2.11"),
}


@pytest.mark.parametrize("how", _CLAIMS)
@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_no_way_of_writing_an_address_hides_that_another_node_has_it(
    server: OpenShiftApi, tmp_path: Path, how: str, shell: str
) -> None:
    cluster = CsrCluster(server, tmp_path / "host", shell).clear()  # type: ignore[arg-type]
    addresses, wanted = _CLAIMS[how]
    victim = W1.model_copy(update={"addresses": ("worker-1", wanted)})
    liar = CsrNode(name="worker-2", ready="True", addresses=("worker-2", *addresses))
    request = pem(subject_of("worker-2"), ["worker-2"], [wanted])
    cluster.put(*map(node_object, (victim, liar)), serving(liar, request=request, at=now()))
    assert told(page_of(cluster)) == {"csr-serving": "address_shared"}


def test_nodes_that_share_more_addresses_than_can_be_told_get_none(cluster: CsrCluster) -> None:
    """Else some that they share would pass for their own."""
    liars = [
        CsrNode(name=f"liar-{n}", ready="True", addresses=tuple(f"0.0.{n}.{at}" for at in range(23))) for n in range(3)
    ]
    crowd = [each.model_copy(update={"name": f"crowd-{each.name}"}) for each in liars]
    thief = CsrNode(name="worker-2", ready="True", addresses=("worker-2", "192.0.2.11"))
    asking = [serving(each, f"csr-{each.name}", at=now()) for each in (*liars, thief)]
    cluster.put(*map(node_object, (W1, thief, *liars, *crowd)), *asking)
    assert told(page_of(cluster))["csr-worker-2"] == "address_shared"


def test_a_nodes_own_machine_is_told_however_many_wait_for_a_node(cluster: CsrCluster) -> None:
    liar = CsrNode(name="worker-2", ready="True", addresses=("worker-2", "192.0.2.99"))
    waiting = [machine_object(f"a-{number:02}", "", f"192.0.3.{number}") for number in range(70)]
    cluster.put(node_object(liar), machine_object("m2", "worker-2", "192.0.2.12"), *waiting)
    cluster.put(serving(liar, at=now()))
    assert told(page_of(cluster)) == {"csr-serving": "machine_differs"}


def test_a_request_that_was_made_anew_under_its_name_is_not_approved(cluster: CsrCluster) -> None:
    """Between the look at it and the word: the name is the same, and another uid."""
    good = client(name="csr-1", at=now())
    cluster.put(good)

    def exchanged(cluster: CsrCluster) -> None:
        if cluster.count == 2:
            cluster.put(client("worker-2", "csr-1", uid="00000000-0000-4000-8000-00000000000b", at=now()))

    cluster.between = exchanged
    cluster.scene(csr_steps("n1")[:1], **QUICKLY).go_through("Finished")
    assert cluster.approved() == set()
    assert cluster.answers[1]["gone"] == ["csr-1"]


def test_what_an_earlier_try_approved_counts_as_approved(cluster: CsrCluster) -> None:
    made = client(name="csr-1", at=now())
    cluster.put(made)
    line = f"csr-1 {made['metadata']['uid']}"
    assert cluster.run(signers=BOTH, approve=line).report["approved"] == ["csr-1"]
    before = cluster.get("csr-1")
    assert cluster.run(signers=BOTH, approve=line).report["approved"] == ["csr-1"]
    assert cluster.get("csr-1") == before


def test_what_a_person_denied_meanwhile_stays_denied(cluster: CsrCluster) -> None:
    made = client(name="csr-1", at=now())
    cluster.put({**made, "status": {"conditions": [{"type": "Denied", "status": "True"}]}})
    assert cluster.run(signers=BOTH, approve=f"csr-1 {made['metadata']['uid']}").report["gone"] == ["csr-1"]
    assert cluster.approved() == set()


def test_a_cluster_without_machines_is_told_as_such(cluster: CsrCluster, tmp_path: Path) -> None:
    words = "error: the server doesn't have a resource type"
    stub = f"""case "$*" in *machines*) echo "{words} 'machines'" >&2; exit 1 ;; esac\n"""
    bare = CsrCluster(cluster.server, tmp_path / "bare", stub=stub)
    bare.put(serving(at=now()))
    page = page_of(bare)
    assert page.machines is None
    assert told(page) == {"csr-serving": "own_addresses"}


@pytest.mark.parametrize("kind", ["csr", "nodes", "machines"])
def test_a_question_that_is_not_answered_is_no_empty_answer(cluster: CsrCluster, tmp_path: Path, kind: str) -> None:
    """No Machines and no answer about Machines are two things: the second would lift a check."""
    refused = "The connection to the server localhost:6443 was refused - did you specify the right host or port?"
    stub = f"""case "$* " in *"get {kind}"*) echo '{refused}' >&2; exit 1 ;; esac\n"""
    away = CsrCluster(cluster.server, tmp_path / "away", stub=stub)
    away.put(client(at=now()))
    ended = away.run(signers=BOTH)
    assert ended.code == "openshift_api_silent"
    assert "was refused" in ended.report["message"]


def test_an_api_that_is_away_for_a_moment_is_asked_again(cluster: CsrCluster, tmp_path: Path) -> None:
    away = "mkdir asked 2>/dev/null && { echo 'Unable to connect to the server: EOF' >&2; exit 1; }"
    stub = f"cd {tmp_path} && {away}\n"
    shaky = CsrCluster(cluster.server, tmp_path / "shaky", stub=stub)
    shaky.put(client(at=now()))
    assert told(page_of(shaky)) == {"csr-client": "returns"}


def test_an_approval_that_the_api_refuses_ends_with_its_words(cluster: CsrCluster, tmp_path: Path) -> None:
    stub = """case "$*" in *approve*) echo 'Error from server (Forbidden): no' >&2; exit 1 ;; esac\n"""
    made = CsrCluster(cluster.server, tmp_path / "forbidden", stub=stub)
    request = client(at=now())
    made.put(request)
    ended = made.run(signers=BOTH, approve=f"csr-client {request['metadata']['uid']}")
    assert ended.code == "openshift_api_silent"
    assert "Forbidden" in ended.report["message"]


def test_a_new_machine_gets_its_certificate_before_it_has_a_node(cluster: CsrCluster) -> None:
    new = CsrNode(name="worker-3", addresses=("worker-3", "192.0.2.13"))
    cluster.put(machine_object("m3", "", *new.addresses))
    cluster.between = cluster.kubelets(new)
    cluster.scene(csr_steps("n1"), **QUICKLY).go_through("Finished")
    assert cluster.approved() == {"csr-a-worker-3", "csr-b-worker-3"}


def test_a_machine_that_the_operator_named_gets_its_certificate_and_no_other(cluster: CsrCluster) -> None:
    new, other = (CsrNode(name=f"worker-{each}", addresses=(f"worker-{each}",)) for each in (3, 4))
    cluster.between = cluster.kubelets(new, other)
    cluster.scene(csr_steps("n1", named=["worker-3"]), **QUICKLY).go_through("Finished")
    assert cluster.approved() == {"csr-a-worker-3", "csr-b-worker-3"}


def test_a_round_waits_until_something_new_waits(cluster: CsrCluster, tmp_path: Path) -> None:
    """What waited before it began is no news, and the third time that it looks there is more."""
    cluster.put(client("mallory", "csr-old", at=now()), serving(name="csr-new", at=now()))
    row = "printf 'csr-old|1|kubernetes.io/kubelet-serving|\\n'; exit 0"
    stub = f"""case "$*" in *"get csr -o jsonpath"*)
	echo . >>{tmp_path}/looks
	[ "$(wc -l <{tmp_path}/looks)" -gt 2 ] || {{ {row}; }} ;;
esac
"""
    slow = CsrCluster(cluster.server, tmp_path / "slow", stub=stub)
    begun = time.monotonic()
    assert "csr-new" in told(page_of(slow, pause_s="60"))
    assert time.monotonic() - begun < 50
    assert len((tmp_path / "looks").read_text().splitlines()) == 4


@pytest.mark.parametrize(("until_ready", "waits"), [("0", True), ("1", False)])
def test_nodes_that_are_all_ready_end_a_wait_for_them_and_no_other(
    cluster: CsrCluster, until_ready: str, *, waits: bool
) -> None:
    """Else the rounds for serving certificates would follow each other without a break."""
    cluster.put(node_object(W1.model_copy(update={"ready": "True"})))
    begun = time.monotonic()
    assert page_of(cluster, pause_s="15", until_ready=until_ready).not_ready_count == 0
    # Its clock tells whole seconds.
    assert (time.monotonic() - begun >= 14) == waits


def test_pages_follow_each_other_by_name(cluster: CsrCluster) -> None:
    cluster.put(*(client("mallory", f"csr-{number}", at=now()) for number in range(5)))
    first = page_of(cluster, page_size="2")
    second = page_of(cluster, page_size="2", after=first.next)
    third = page_of(cluster, page_size="2", after=second.next)
    assert [sorted(told(each)) for each in (first, second, third)] == [
        ["csr-0", "csr-1"],
        ["csr-2", "csr-3"],
        ["csr-4"],
    ]
    assert [(each.next, each.left) for each in (first, second, third)] == [("csr-1", 3), ("csr-3", 1), ("", 0)]


def test_a_serving_certificate_for_an_address_of_another_node_is_refused_and_told(cluster: CsrCluster) -> None:
    request = pem(subject_of("worker-1"), ["worker-1"], ["192.0.2.12"])
    cluster.put(serving(request=request, at=now()))
    scene = cluster.scene(csr_steps("n1")[1:], **QUICKLY)
    scene.go_through("Finished")
    assert cluster.approved() == set()
    records = [each for each in scene.journal.records() if each.status == "done" and each.node == "n1"]
    assert records[-1].report["verdicts"][0]["why"] == "192.0.2.12 is no name or address of worker-1"


@pytest.mark.parametrize("serves", [False, True])
def test_what_kubelets_of_our_own_hosts_ask_for_passes(cluster: CsrCluster, tmp_path: Path, serves: bool) -> None:
    """And so is who asks what the API says, not what a test wrote."""
    asked = asking.request("worker-1", "192.0.2.11", asking.new_key(tmp_path / "kubelet.key"), serving=serves)
    groups = ("system:serviceaccounts", "system:serviceaccounts:openshift-machine-config-operator")
    user, of = ("system:node:worker-1", ("system:nodes",)) if serves else (BOOTSTRAPPER, groups)
    kind = kind_called("csr")
    assert kind
    made = cluster.server.api.acting_as(user, *of).create(kind, "", asked)
    assert told(page_of(cluster)) == {made["metadata"]["name"]: "own_addresses" if serves else "returns"}


def test_groups_of_a_node_are_its_own(cluster: CsrCluster) -> None:
    cluster.put(serving(groups=[*NODE_GROUPS, "system:masters"], at=now()))
    assert told(page_of(cluster)) == {"csr-serving": "groups_differ"}
