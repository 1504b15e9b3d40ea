"""Certificate requests by whoever wants to be a node: of all that is asked for, only what a kubelet may have passes."""

import base64
import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.csrs import NODE_GROUPS, W1, W2, client, ground, packed, pem, renewal, serving, subject_of
from holdfast.errors import PermanentError
from holdfast.facts.csr import read_asked, read_requests
from holdfast.models.csr import CLIENT_SIGNER, SERVING_SIGNER
from holdfast.planning.csr import BOOTSTRAPPER, BOOTSTRAPPER_GROUPS, judge

USERS = (BOOTSTRAPPER, "system:node:worker-1", "system:node:worker-2", "system:node:ghost", "system:admin", "")
GROUPS = (tuple(BOOTSTRAPPER_GROUPS), NODE_GROUPS, (*NODE_GROUPS, "system:masters"), ("system:nodes",), ())
USAGES = (
    ("digital signature", "client auth"),
    ("digital signature", "key encipherment", "server auth"),
    ("client auth", "server auth", "digital signature"),
    ("any",),
)
SIGNERS = (CLIENT_SIGNER, SERVING_SIGNER, "kubernetes.io/kube-apiserver-client", "")
REQUESTS = {
    (node, names): read_asked(base64.b64encode(pem(subject_of(node), *_)).decode())
    for node in ("worker-1", "worker-2", "ghost")
    for names, _ in {
        "none": (),
        "of worker-1": (["worker-1"], ["192.0.2.11"]),
        "of worker-2": (["worker-2"], ["192.0.2.12"]),
        "of both": (["worker-1", "worker-2"],),
    }.items()
}
# Worker-1 is not Ready, worker-2 is, and there is no ghost: this is all that may be approved of everything below.
CLIENTS = {(BOOTSTRAPPER, "worker-1"), ("system:node:worker-1", "worker-1"), ("system:node:worker-2", "worker-2")}
SERVERS = {("system:node:worker-1", "worker-1", "of worker-1"), ("system:node:worker-2", "worker-2", "of worker-2")}


def test_of_all_combinations_only_those_of_real_kubelets_are_approved() -> None:
    (one,) = read_requests(packed(client()))
    approved, looked = set(), 0
    for user, groups, usages, signer, (about, request) in product(USERS, GROUPS, USAGES, SIGNERS, REQUESTS.items()):
        told = {"username": user, "groups": groups, "usages": usages, "signer": signer, "asked": request}
        (found,) = judge([one.model_copy(update=told)], ground())
        looked += 1
        if found.action == "approve":
            approved.add((user, groups, usages, signer, about))
    expected = {
        (user, GROUPS[0] if user == BOOTSTRAPPER else NODE_GROUPS, USAGES[0], signer, (node, "none"))
        for user, node in CLIENTS
        for signer in (CLIENT_SIGNER, "")
    } | {
        (user, NODE_GROUPS, USAGES[1], signer, (node, names))
        for user, node, names in SERVERS
        for signer in (SERVING_SIGNER, "")
    }
    assert approved == expected
    assert looked == 5760


@given(st.binary(max_size=400))
def test_a_request_may_be_anything_and_is_read_without_a_complaint(noise: bytes) -> None:
    for text in (noise.decode("latin-1"), base64.b64encode(noise).decode(), base64.b64encode(_block(noise)).decode()):
        assert read_asked(text).flaw


def _block(body: bytes) -> bytes:
    text = base64.b64encode(body)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + text + b"\n-----END CERTIFICATE REQUEST-----\n"


_DER = base64.b64decode(b"".join(pem(subject_of("worker-1")).splitlines()[1:-1]))


@given(st.integers(min_value=0, max_value=len(_DER) - 1), st.integers(min_value=1, max_value=255))
@settings(max_examples=400)
def test_one_byte_changed_in_a_signed_request_is_enough(at: int, by: int) -> None:
    changed = bytearray(_DER)
    changed[at] ^= by
    found = judge(read_requests(packed(client(request=_block(bytes(changed))))), ground())
    assert [each.action for each in found] == ["refuse"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(["name", "uid", "creationTimestamp"]), value=_JSON)
def test_odd_metadata_is_an_unreadable_answer_or_a_refusal(field: str, value: Any) -> None:
    made = client()
    made["metadata"][field] = value
    _never_approved_unless_good(made)


@given(field=st.sampled_from(["request", "username", "groups", "usages", "signerName"]), value=_JSON)
def test_an_odd_specification_is_an_unreadable_answer_or_no_approval(field: str, value: Any) -> None:
    for made in (client(), renewal(), serving()):
        changed = json.loads(json.dumps(made))
        changed["spec"][field] = value
        if field == "signerName" and not value:  # then usages tell, as they do where the API knows no signers
            continue
        assert _verdict(changed) != "approve"


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_no_user_but_that_of_the_node_or_the_bootstrapper_gets_anything(user: str, groups: list[str]) -> None:
    for made in (client(username=user, groups=groups), serving(username=user, groups=groups)):
        assert _verdict(made) == "refuse"


@given(
    st.lists(st.sampled_from([*W1.addresses, *W2.addresses, "x.example.net", "203.0.113.9"]), min_size=1, unique=True)
)
def test_a_serving_certificate_is_for_names_of_its_own_node_alone(names: list[str]) -> None:
    dns = [each for each in names if not each[0].isdigit()]
    ips = [each for each in names if each[0].isdigit()]
    made = serving(request=pem(subject_of("worker-1"), dns, ips))
    assert (_verdict(made) == "approve") == (set(names) <= set(W1.addresses))


@given(st.binary(max_size=200))
def test_an_answer_that_is_no_json_of_the_api_is_unreadable(noise: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        read_requests(base64.b64encode(noise or b"x").decode())
    assert caught.value.code == "node_output_unreadable"


def _never_approved_unless_good(made: dict[str, Any]) -> None:
    metadata = made["metadata"]
    if _verdict(made) == "approve":
        assert metadata["name"].strip() == metadata["name"]
        assert metadata["uid"]


def _verdict(made: dict[str, Any]) -> str:
    """The verdict on it, or the code of the error for what the API would never print."""
    try:
        (found,) = judge(read_requests(packed(made)), ground())
    except PermanentError as error:
        return error.code
    return found.action
