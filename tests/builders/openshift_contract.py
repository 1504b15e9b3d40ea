"""What an API server of OpenShift does with requests, as one suite: for our double, and for a real kube-apiserver that
has OpenShift's kinds as CustomResourceDefinitions (tests/cluster). `server` is a fixture of whoever takes the suite."""

import base64
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from builders.openshift_api import OpenShiftApi
from holdfast.local.machines.apiserver.kinds import Kind, kind_called
from holdfast.local.machines.oc.client import Object
from holdfast.local.machines.oc.failures import RefusedError

NAMESPACE = "default"


def kind(word: str) -> Kind:
    found = kind_called(word)
    assert found is not None
    return found


ETCD, MACHINE, SECRET, OPERATOR, CSR = (kind(each) for each in ("etcd", "machine", "secret", "co", "csr"))
SIGNER = "holdfast.test/nobody"


def fresh() -> str:
    return f"contract-{uuid.uuid4().hex[:10]}"


def etcd(name: str, **fields: Any) -> Object:
    return {"apiVersion": ETCD.api_version, "kind": "Etcd", "metadata": {"name": name}, **fields}


def machine(name: str, **metadata: Any) -> Object:
    named = {"name": name, "namespace": NAMESPACE, **metadata}
    return {"apiVersion": MACHINE.api_version, "kind": "Machine", "metadata": named, "spec": {"providerSpec": {}}}


def request(name: str) -> Object:
    """Of a signer that nobody is, so that nobody answers it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    pem = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256()).public_bytes(Encoding.PEM)
    spec: Object = {"request": base64.b64encode(pem).decode(), "signerName": SIGNER, "usages": ["client auth"]}
    return {"apiVersion": CSR.api_version, "kind": CSR.name, "metadata": {"name": name}, "spec": spec}


def refused(server: OpenShiftApi, call: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        call(server.api)
    return caught.value


class ApiContract:
    def test_an_object_is_made_with_what_only_the_server_says(self, server: OpenShiftApi) -> None:
        name = fresh()
        made = server.api.create(ETCD, "", etcd(name, spec={"a": 1}, status={"x": 1}))
        metadata = made["metadata"]
        assert {"uid", "creationTimestamp", "resourceVersion"} <= metadata.keys()
        assert metadata["generation"] == 1
        assert "status" not in made
        read = server.api.get(ETCD, "", name)
        assert (read["spec"], read["metadata"]["resourceVersion"]) == ({"a": 1}, metadata["resourceVersion"])

    def test_one_that_is_there_is_not_made_again(self, server: OpenShiftApi) -> None:
        name = fresh()
        server.api.create(ETCD, "", etcd(name))
        found = refused(server, lambda api: api.create(ETCD, "", etcd(name)))
        assert (found.status, found.reason) == (409, "AlreadyExists")
        assert found.message == f'etcds.operator.openshift.io "{name}" already exists'

    def test_what_is_not_there_is_not_found_by_any_verb(self, server: OpenShiftApi) -> None:
        for call in (
            lambda api: api.get(ETCD, "", "nobody"),
            lambda api: api.patch(ETCD, "", "nobody", {"spec": {}}),
            lambda api: api.delete(ETCD, "", "nobody"),
            lambda api: api.replace(
                ETCD, "", etcd("nobody") | {"metadata": {"name": "nobody", "resourceVersion": "1"}}
            ),
        ):
            found = refused(server, call)
            assert (found.status, found.reason) == (404, "NotFound")
            assert found.message == 'etcds.operator.openshift.io "nobody" not found'
        assert refused(server, lambda api: api.get(SECRET, NAMESPACE, "nobody")).message == 'secrets "nobody" not found'

    def test_a_kind_that_nobody_knows_is_no_resource(self, server: OpenShiftApi) -> None:
        found = refused(server, lambda api: api.items(Kind("Wrong", "wrongs", "operator.openshift.io")))
        assert (found.status, found.reason) == (404, "NotFound")
        assert found.message == "the server could not find the requested resource"

    def test_a_merge_patch_removes_by_null_and_replaces_lists(self, server: OpenShiftApi) -> None:
        name = fresh()
        server.api.create(ETCD, "", etcd(name, spec={"kept": {"x": 1}, "gone": 2, "list": [1, 2]}))
        patch = {"spec": {"gone": None, "list": [3], "kept": {"y": 2}, "new": {"z": None, "w": 1}}}
        after = server.api.patch(ETCD, "", name, patch)
        assert after["spec"] == {"kept": {"x": 1, "y": 2}, "list": [3], "new": {"w": 1}}

    def test_the_generation_counts_changes_of_the_specification_alone(self, server: OpenShiftApi) -> None:
        name = fresh()
        server.api.create(ETCD, "", etcd(name, spec={"a": 1}))
        changes: list[tuple[Object, int]] = [
            ({"spec": {"a": 2}}, 2),
            ({"metadata": {"labels": {"a": "b"}}}, 2),
            ({"spec": {"b": 1}}, 3),
        ]
        for patch, generation in changes:
            assert server.api.patch(ETCD, "", name, patch)["metadata"]["generation"] == generation
        assert server.api.patch(ETCD, "", name, {"status": {"x": 1}}, "status")["metadata"]["generation"] == 3

    def test_a_change_that_changes_nothing_is_no_new_version(self, server: OpenShiftApi) -> None:
        name = fresh()
        before = server.api.create(ETCD, "", etcd(name, spec={"a": 1}))
        after = server.api.patch(ETCD, "", name, {"spec": {"a": 1, "b": None}})
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]

    def test_the_status_is_written_by_its_own_path_and_by_no_other(self, server: OpenShiftApi) -> None:
        name = fresh()
        server.api.create(ETCD, "", etcd(name, spec={"a": 1}))
        server.api.patch(ETCD, "", name, {"status": {"x": 1}, "spec": {"a": 2}}, "status")
        server.api.patch(ETCD, "", name, {"status": {"x": 2}, "spec": {"b": 3}})
        read = server.api.get(ETCD, "", name)
        assert (read["spec"], read["status"]) == ({"a": 1, "b": 3}, {"x": 1})
        read["status"]["x"] = 9
        assert server.api.replace(ETCD, "", read)["status"] == {"x": 1}
        read = server.api.get(ETCD, "", name)
        assert server.api.replace(ETCD, "", read | {"status": {"y": 1}}, "status")["status"] == {"y": 1}

    def test_a_change_of_an_old_version_is_a_conflict(self, server: OpenShiftApi) -> None:
        name = fresh()
        old = server.api.create(ETCD, "", etcd(name, spec={"a": 1}))
        server.api.patch(ETCD, "", name, {"spec": {"a": 2}})
        versioned = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "spec": {"a": 3}}
        for call in (
            lambda api: api.replace(ETCD, "", old | {"spec": {"a": 3}}),
            lambda api: api.patch(ETCD, "", name, versioned),
        ):
            found = refused(server, call)
            assert (found.status, found.reason) == (409, "Conflict")
            assert f'Operation cannot be fulfilled on etcds.operator.openshift.io "{name}"' in found.message
            assert "the object has been modified; please apply your changes to the latest version" in found.message
        assert server.api.get(ETCD, "", name)["spec"] == {"a": 2}

    def test_a_replacement_says_which_version_it_was_made_from(self, server: OpenShiftApi) -> None:
        name = fresh()
        server.api.create(ETCD, "", etcd(name))
        found = refused(server, lambda api: api.replace(ETCD, "", etcd(name, spec={"a": 1})))
        assert (found.status, found.reason) == (422, "Invalid")
        assert "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update" in found.message

    def test_lists_are_selected_by_labels_and_by_the_name(self, server: OpenShiftApi) -> None:
        mark = fresh()
        for number, labels in enumerate([{"a": "1"}, {"a": "2", "b": ""}, {}]):
            server.api.create(MACHINE, NAMESPACE, machine(f"{mark}-{number}", labels={"mark": mark, **labels}))
        for selector, wanted in {
            "a": [0, 1],
            "!a": [2],
            "a=1": [0],
            "a==2,b": [1],
            "a!=1": [1, 2],
            "a in (1,2),b": [1],
            "a notin (1)": [1, 2],
        }.items():
            found = server.api.items(MACHINE, NAMESPACE, labels=f"mark={mark},{selector}")
            assert [each["metadata"]["name"] for each in found] == [f"{mark}-{number}" for number in wanted], selector
        found = server.api.items(MACHINE, "", fields=f"metadata.name={mark}-1")
        assert [each["metadata"]["name"] for each in found] == [f"{mark}-1"]
        assert refused(server, lambda api: api.items(MACHINE, NAMESPACE, labels="a b")).status == 400

    def test_an_object_with_a_finalizer_stays_until_it_is_taken_away(self, server: OpenShiftApi) -> None:
        name = fresh()
        server.api.create(MACHINE, NAMESPACE, machine(name, finalizers=["machine.machine.openshift.io"]))
        server.api.delete(MACHINE, NAMESPACE, name)
        dying = server.api.get(MACHINE, NAMESPACE, name)
        assert dying["metadata"]["deletionTimestamp"]
        server.api.delete(MACHINE, NAMESPACE, name)
        again = server.api.get(MACHINE, NAMESPACE, name)
        assert again["metadata"]["deletionTimestamp"] == dying["metadata"]["deletionTimestamp"]
        server.api.patch(MACHINE, NAMESPACE, name, {"metadata": {"finalizers": None}})
        assert refused(server, lambda api: api.get(MACHINE, NAMESPACE, name)).reason == "NotFound"

    def test_a_watch_tells_what_happened_after_a_version(self, server: OpenShiftApi) -> None:
        name = fresh()
        before = server.api.create(MACHINE, NAMESPACE, machine(name, labels={"x": "1"}))
        server.api.patch(MACHINE, NAMESPACE, name, {"metadata": {"labels": {"x": "2"}}})
        server.api.delete(MACHINE, NAMESPACE, name)
        since = before["metadata"]["resourceVersion"]
        seen = [
            (event["type"], event["object"]["metadata"]["labels"]["x"])
            for event in server.api.watch(MACHINE, NAMESPACE, since=since, timeout_s=1)
            if event["object"]["metadata"]["name"] == name
        ]
        assert seen == [("MODIFIED", "2"), ("DELETED", "2")]

    def test_a_name_is_made_from_the_beginning_of_one(self, server: OpenShiftApi) -> None:
        value = {"metadata": {"generateName": "contract-"}, "stringData": {}, "type": "Opaque"}
        made = server.api.create(SECRET, NAMESPACE, {"apiVersion": "v1", "kind": "Secret", **value})
        assert len(made["metadata"]["name"]) == len("contract-") + 5

    def test_who_may_do_nothing_is_told_what_he_may_not_do(self, server: OpenShiftApi) -> None:
        found = refused(OpenShiftApi(server.nobody, server.nobody), lambda api: api.get(ETCD, "", "cluster"))
        assert (found.status, found.reason) == (403, "Forbidden")
        assert 'cannot get resource "etcds" in API group "operator.openshift.io" at the cluster scope' in found.message
        found = refused(OpenShiftApi(server.nobody, server.nobody), lambda api: api.items(SECRET, NAMESPACE))
        assert 'cannot list resource "secrets" in API group "" in the namespace "default"' in found.message

    def test_an_object_of_another_kind_is_refused(self, server: OpenShiftApi) -> None:
        for wrong in ({"apiVersion": "wrong/v1"}, {"kind": "Machine"}, {"kind": ""}):
            value = etcd(fresh()) | wrong
            assert refused(server, lambda api, value=value: api.create(ETCD, "", value)).status in (400, 422), wrong

    def test_a_request_is_of_who_asks_whatever_it_says(self, server: OpenShiftApi) -> None:
        asker, groups = "system:serviceaccount:openshift-machine-config-operator:node-bootstrapper", ("a", "b")
        value = request(fresh())
        value["spec"] |= {"username": "somebody", "groups": ["system:masters"]}
        value["status"] = {"conditions": [{"type": "Approved", "status": "True"}]}
        made = server.api.acting_as(asker, *groups, "system:masters").create(CSR, "", value)
        assert made["spec"]["username"] == asker
        assert set(made["spec"]["groups"]) == {*groups, "system:masters", "system:authenticated"}
        assert not made["status"]
        made["spec"]["username"], made["status"] = "somebody", value["status"]
        after = server.api.replace(CSR, "", made)
        assert (after["spec"]["username"], after["status"]) == (asker, {})

    def test_a_request_lacks_nothing(self, server: OpenShiftApi) -> None:
        for field in ("request", "signerName", "usages"):
            value = request(fresh())
            del value["spec"][field]
            assert refused(server, lambda api, value=value: api.create(CSR, "", value)).reason == "Invalid", field

    def test_an_approval_has_a_path_of_its_own_and_is_not_taken_back(self, server: OpenShiftApi) -> None:
        name = fresh()
        made = server.api.create(CSR, "", request(name))
        approved = {"conditions": [{"type": "Approved", "status": "True", "reason": "R", "message": "m"}]}
        found = refused(server, lambda api: api.replace(CSR, "", made | {"status": approved}, "status"))
        assert (found.status, found.reason) == (422, "Invalid")
        assert 'Forbidden: updates may not add a condition of type "Approved"' in found.message
        made = server.api.replace(CSR, "", made | {"status": approved}, "approval")
        (condition,) = made["status"]["conditions"]
        assert (condition["type"], condition["reason"]) == ("Approved", "R")
        assert condition["lastUpdateTime"]
        for conditions in ([], [condition, {"type": "Denied", "status": "True"}]):
            value = made | {"status": {"conditions": conditions}}
            found = refused(server, lambda api, value=value: api.replace(CSR, "", value, "approval"))
            assert (found.status, found.reason) == (422, "Invalid")


class ClientContract:
    """`oc`, as scripts call it."""

    def test_oc_approves_requests(self, server: OpenShiftApi) -> None:
        names = [fresh() for _ in range(2)]
        for name in names:
            server.api.create(CSR, "", request(name))
        done = server.oc("adm", "certificate", "approve", *names)
        called = "certificatesigningrequest.certificates.k8s.io"
        assert (done.stdout, done.code) == ("".join(f"{called}/{name} approved\n" for name in names), 0), done.stderr
        before = server.api.get(CSR, "", names[0])
        (condition,) = before["status"]["conditions"]
        assert (condition["type"], condition["status"], condition["reason"]) == ("Approved", "True", "KubectlApprove")
        assert server.oc("adm", "certificate", "approve", names[0]).code == 0
        assert server.api.get(CSR, "", names[0]) == before
        done = server.oc("adm", "certificate", "approve", "nobody")
        missing = 'Error from server (NotFound): certificatesigningrequests.certificates.k8s.io "nobody" not found\n'
        assert (done.stderr, done.code) == (missing, 1)

    def test_oc_waits_until_every_operator_is_stable_for_long_enough(self, server: OpenShiftApi) -> None:
        name = fresh()
        value = {"apiVersion": OPERATOR.api_version, "kind": OPERATOR.name, "metadata": {"name": name}, "spec": {}}
        server.api.create(OPERATOR, "", value)
        wait = ("adm", "wait-for-stable-cluster", "--minimum-stable-period=1s", "--timeout=3s")
        try:
            for progressing in ("True", "False"):
                states = {"Available": "True", "Progressing": progressing, "Degraded": "False"}
                status = {"conditions": [{"type": each, "status": said} for each, said in states.items()]}
                server.api.patch(OPERATOR, "", name, {"status": status}, "status")
                done = server.oc(*wait)
                if progressing == "True":
                    assert (f"clusteroperators/{name} is progressing" in done.stdout, done.code) == (True, 1)
                    assert done.stderr == "error: timed out waiting for the condition\n"
                else:
                    assert (done.stdout.splitlines()[-1], done.code) == ("All clusteroperators are stable", 0)
        finally:
            server.api.delete(OPERATOR, "", name)

    def test_oc_gets_patches_and_prints(self, server: OpenShiftApi) -> None:
        name = fresh()
        server.api.create(ETCD, "", etcd(name, spec={"a": 1}))
        patch = '{"spec": {"forceRedeploymentReason": "recovery-1"}}'
        done = server.oc("patch", "etcd", name, f"-p={patch}", "--type=merge")
        assert (done.stdout, done.stderr, done.code) == (f"etcd.operator.openshift.io/{name} patched\n", "", 0)
        done = server.oc("patch", f"etcd/{name}", "--type=merge", "-p", patch)
        assert done.stdout == f"etcd.operator.openshift.io/{name} patched (no change)\n"
        asked = ("get", "etcd", name, "-o", "jsonpath={.spec.forceRedeploymentReason}")
        assert server.oc(*asked).stdout == "recovery-1"
        assert server.oc("get", "etcd", name, "-o", "name").stdout == f"etcd.operator.openshift.io/{name}\n"
        assert json.loads(server.oc("get", "etcd", name, "-ojson").stdout)["spec"]["a"] == 1
        assert name in server.oc("get", "etcds.operator.openshift.io").stdout

    def test_oc_is_asked_for_help_without_a_server_and_whether_it_has_the_command_or_not(
        self, server: OpenShiftApi
    ) -> None:
        away = OpenShiftApi(Path("/nowhere"), server.nobody)
        for words, knows in ((("adm", "wait-for-stable-cluster"), True), (("adm", "no-such-command"), False)):
            done = away.oc(*words, "--help")
            assert (done.code, done.stderr, "--minimum-stable-period" in done.stdout) == (0, "", knows)
        assert away.oc("no-such-command", "--help").code == 1

    def test_oc_says_what_is_not_there_and_fails(self, server: OpenShiftApi) -> None:
        done = server.oc("get", "etcd", "nobody")
        assert (done.stdout, done.code) == ("", 1)
        assert done.stderr == 'Error from server (NotFound): etcds.operator.openshift.io "nobody" not found\n'
        assert server.oc("get", "etcd", "nobody", "--ignore-not-found").code == 0
        done = server.oc("get", "nothing")
        assert (done.stderr, done.code) == ('error: the server doesn\'t have a resource type "nothing"\n', 1)

    def test_oc_applies_what_changed_and_removes_what_is_no_longer_said(self, server: OpenShiftApi) -> None:
        name = fresh()
        first, second = machine(name), machine(name, labels={"a": "b"})
        first["spec"]["gone"] = 1
        called = f"machine.machine.openshift.io/{name}"
        for value, said in ((first, "created"), (first, "unchanged"), (second, "configured")):
            done = server.oc("apply", "-f", "-", text=json.dumps(value))
            assert (done.stdout, done.code) == (f"{called} {said}\n", 0), done.stderr
        found = server.api.get(MACHINE, NAMESPACE, name)
        assert (found["spec"], found["metadata"]["labels"]) == ({"providerSpec": {}}, {"a": "b"})

    def test_oc_deletes_and_waits_for_finalizers_unless_told_not_to(self, server: OpenShiftApi) -> None:
        names = [fresh() for _ in range(2)]
        for name in names:
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque"}
            server.api.create(SECRET, NAMESPACE, secret)
        done = server.oc("delete", "secret", *names, "-n", NAMESPACE)
        assert (done.stdout, done.code) == ("".join(f'secret "{name}" deleted\n' for name in names), 0)
        name = fresh()
        server.api.create(MACHINE, NAMESPACE, machine(name, finalizers=["machine.machine.openshift.io"]))
        assert server.oc("delete", "machine", name, "-n", NAMESPACE, "--wait=false").code == 0
        done = server.oc("delete", "machine", name, "-n", NAMESPACE, "--timeout=1s")
        assert (done.code, "timed out waiting for the condition" in done.stderr) == (1, True)
        server.api.patch(MACHINE, NAMESPACE, name, {"metadata": {"finalizers": []}})
        assert server.oc("delete", "machine", name, "--ignore-not-found").code == 0
