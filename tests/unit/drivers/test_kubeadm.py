"""The kubeadm driver on what nodes printed: a captured control plane, and what differs elsewhere."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.frames import captured, outcome, printed
from holdfast.drivers.base import Driver
from holdfast.drivers.kubeadm.driver import KubeadmDriver
from holdfast.drivers.registry import driver_of
from holdfast.errors import HoldfastError, PermanentError, RefusedError, TransientError
from holdfast.facts.frames import pairs, sections
from holdfast.models.command import CommandResult
from holdfast.models.node import NodeSurvey

DRIVER: Driver = KubeadmDriver()
SURVEY, ETCD = "holdfast-survey-1", "holdfast-etcd-1"
MANIFEST = "manifest /etc/kubernetes/manifests/etcd.yaml"
APISERVER = "manifest /etc/kubernetes/manifests/kube-apiserver.yaml"
CAPTURED = sections("n1", SURVEY, captured("kubeadm-1.20-stacked"))
THEN = datetime.fromtimestamp(int(pairs(CAPTURED["about"])["now"]), UTC)


def read(told: Mapping[str, str], *, asked_at: datetime = THEN) -> NodeSurvey:
    read_at = asked_at + timedelta(seconds=3)
    return DRIVER.read_survey("n1", printed(SURVEY, told), asked_at=asked_at, read_at=read_at)


def changed(*swaps: tuple[str, str], without: tuple[str, ...] = ()) -> dict[str, str]:
    """The captured sections with texts swapped in all of them; every swap must find something."""
    told = {name: text for name, text in CAPTURED.items() if name not in without}
    for old, new in swaps:
        assert any(old in text for text in told.values()), old
        told = {name: text.replace(old, new) for name, text in told.items()}
    return told


def test_a_captured_control_plane_is_stacked() -> None:
    survey = read(CAPTURED)
    assert (survey.topology, survey.hostname, survey.kubernetes_version) == ("stacked", "n1", "v1.20.2")
    assert (survey.root, survey.clock_offset_s, survey.data_on_work_disk, survey.missing) == (True, 0.0, True, ())
    assert survey.work_free == survey.data_free > 0
    assert survey.tools["zstd"] == "1.5.4"
    assert survey.bundle_paths == (
        "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/controller-manager.conf",
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/manifests",
        "/etc/kubernetes/pki",
        "/etc/kubernetes/scheduler.conf",
        "/var/lib/kubelet/config.yaml",
        "/var/lib/kubelet/kubeadm-flags.env",
    )


def test_its_member_is_asked_with_the_certificate_for_probes() -> None:
    layout = read(CAPTURED).etcd
    assert layout is not None
    assert (layout.name, layout.container, layout.image) == ("n1", True, "k8s.gcr.io/etcd:3.4.23-0")
    assert layout.client_urls == ("https://10.78.0.11:2379",)
    assert (layout.ca, layout.cert) == (
        "/etc/kubernetes/pki/etcd/ca.crt",
        "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
    )


def test_the_host_has_the_data_where_the_manifest_mounts_it_from() -> None:
    swaps = (("      path: /var/lib/etcd\n", "      path: /data/etcd\n"), ("d /var/lib/etcd\n", "d /data/etcd\n"))
    layout = read(changed(*swaps)).etcd
    assert layout is not None
    assert (layout.data_dir, layout.host_data_dir) == ("/var/lib/etcd", "/data/etcd")


def test_data_on_a_disk_of_its_own_is_told_with_its_room() -> None:
    row = next(line for line in CAPTURED["disks"].splitlines() if line.startswith("/var/lib/etcd "))
    other = "/var/lib/etcd /dev/sdb1 1000 0 500 50% /var/lib/etcd"
    survey = read(changed((row, other)))
    assert (survey.data_on_work_disk, survey.data_free) == (False, 500 * 1024)


def test_a_manifest_is_found_by_what_is_in_it() -> None:
    told = changed(without=(MANIFEST, APISERVER))
    told |= {"manifest /srv/pods/a": CAPTURED[MANIFEST], "manifest /srv/pods/b": CAPTURED[APISERVER]}
    survey = read(told)
    assert (survey.topology, survey.etcd) == ("stacked", read(CAPTURED).etcd)


def test_the_api_servers_certificate_does_where_etcd_sees_it() -> None:
    probe = "f /etc/kubernetes/pki/etcd/healthcheck-client.key\n"
    mounted = ("path: /etc/kubernetes/pki/etcd\n", "path: /etc/kubernetes/pki\n")
    inside = ("mountPath: /etc/kubernetes/pki/etcd\n", "mountPath: /etc/kubernetes/pki\n")
    seen = read(changed((probe, ""), mounted, inside)).etcd
    assert seen is not None
    assert seen.cert == "/etc/kubernetes/pki/apiserver-etcd-client.crt"
    not_seen = read(changed((probe, ""))).etcd
    assert not_seen is not None
    assert not_seen.cert == "/etc/kubernetes/pki/etcd/peer.crt"


def test_a_member_without_a_certificate_for_clients_cannot_be_asked() -> None:
    keys = [(f"f /etc/kubernetes/pki/etcd/{name}.key\n", "") for name in ("healthcheck-client", "peer", "server")]
    survey = read(changed(*keys))
    assert (survey.topology, survey.etcd) == ("stacked", None)
    assert "certificate" in survey.etcd_problem


def test_a_member_that_speaks_plain_http_is_not_asked() -> None:
    survey = read(changed(("advertise-client-urls=https://10.78.0.11", "advertise-client-urls=http://10.78.0.11")))
    assert survey.etcd is None
    assert "https" in survey.etcd_problem


def test_a_manifest_that_kubelet_did_not_take_over_is_told() -> None:
    told = dict(CAPTURED)
    told[MANIFEST] = told[MANIFEST].replace("--data-dir=/var/lib/etcd", "--data-dir=/var/lib/etcd/other")
    survey = read(told)
    assert survey.etcd is None
    assert "kubelet did not take the file over" in survey.etcd_problem


def test_a_flag_that_kubelet_fills_in_is_taken_from_the_process() -> None:
    told = dict(CAPTURED)
    told[MANIFEST] = told[MANIFEST].replace("=https://10.78.0.11:2379", "=https://$(HOST_IP):2379")
    layout = read(told).etcd
    assert layout is not None
    assert layout.client_urls == ("https://10.78.0.11:2379",)


def test_an_etcd_that_is_down_is_known_by_its_manifest() -> None:
    gone = ("etcd 0", "etcd 0 argv", "etcd 0 env")
    assert read(changed(without=gone)).etcd == read(CAPTURED).etcd


def test_a_control_plane_without_a_member_is_one() -> None:
    survey = read(changed(without=(MANIFEST, "etcd 0", "etcd 0 argv", "etcd 0 env")))
    assert (survey.topology, survey.etcd, survey.etcd_problem) == ("control-plane", None, "")
    assert "/etc/kubernetes/pki" in survey.bundle_paths


def test_an_etcd_that_a_pod_runs_for_itself_is_no_member() -> None:
    survey = read(changed(without=(MANIFEST, APISERVER)))
    assert (survey.topology, survey.etcd) == ("none", None)


def encrypted(*, there: bool) -> NodeSurvey:
    flag = "    - --encryption-provider-config=/etc/kubernetes/pki/enc.yaml\n    - --etcd-servers="
    path = "f /etc/kubernetes/pki/enc.yaml\n" if there else ""
    return read(changed(("    - --etcd-servers=", flag), ("d /var/lib/etcd\n", f"{path}d /var/lib/etcd\n")))


def test_an_encryption_configuration_is_known_and_missed() -> None:
    found, lost = encrypted(there=True), encrypted(there=False)
    assert found.apiserver is not None
    assert found.apiserver.encryption_config == "/etc/kubernetes/pki/enc.yaml"
    assert found.missing == ()
    assert lost.missing == ("/etc/kubernetes/pki/enc.yaml",)
    assert DRIVER.bundle(found).values["encryption_config"] == "/etc/kubernetes/pki/enc.yaml"


def test_links_of_kubeadm_are_packed_under_their_own_names() -> None:
    survey = read(changed(("d /etc/kubernetes/pki\n", "d /etc/kubernetes/pki -> /data/pki\n")))
    assert "/etc/kubernetes/pki" in survey.bundle_paths


@pytest.mark.parametrize(("seconds", "offset"), [(-600, 599.0), (-2, 0.0), (0, 0.0), (600, -599.0)])
def test_a_clock_is_off_by_no_more_than_is_certain(seconds: int, offset: float) -> None:
    survey = read(CAPTURED, asked_at=THEN + timedelta(seconds=seconds))
    assert survey.clock_offset_s == pytest.approx(offset, abs=3.01)


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("about", "hostname=n1\nuid=0\n"),
        ("disks", ""),
        ("kubeadm-config", "{"),
        ("kubeadm-config", '{"data": {}}'),
    ],
)
def test_a_survey_that_lacks_what_it_must_have_is_unreadable(section: str, text: str) -> None:
    with pytest.raises(PermanentError) as caught:
        read({**CAPTURED, section: text})
    assert caught.value.code == "node_output_unreadable"


def test_a_survey_of_an_api_server_that_is_away_is_one() -> None:
    assert read({**CAPTURED, "kubeadm-config": "\n"}).bundle_paths == read(CAPTURED).bundle_paths


def test_a_snapshot_command_has_the_member_in_decimal_and_time_for_its_size() -> None:
    command = DRIVER.snapshot(read(CAPTURED), member_id="83612cefde31cdbd", expected_bytes=3 << 30, part_bytes=8 << 20)
    assert command.values["member_id"] == "9466897300446105021"
    assert (command.values["how"], command.values["etcd_name"]) == ("container", "etcd")
    assert command.timeout_s == 1800
    assert command.secrets == {}


def test_a_file_that_is_there_already_is_shipped() -> None:
    command = DRIVER.ship(read(CAPTURED), "/var/lib/etcd/x.db", expected_bytes=1, part_bytes=8 << 20)
    assert (command.values["how"], command.values["file"]) == ("file", "/var/lib/etcd/x.db")
    assert command.timeout_s == 600


def test_no_snapshot_is_taken_where_no_member_is() -> None:
    with pytest.raises(PermanentError) as caught:
        DRIVER.snapshot(read(changed(without=(MANIFEST,))), member_id="1", expected_bytes=1, part_bytes=1)
    assert caught.value.code == "no_etcd_here"


def test_what_members_said_is_read() -> None:
    layout = read(CAPTURED).etcd
    assert layout is not None
    told = DRIVER.read_etcd_facts("n1", captured("kubeadm-1.20-etcd"), layout)
    assert (told.status.endpoint, told.etcdctl_version) == ("https://10.78.0.11:2379", "3.4.23")
    assert [member.name for member in told.members] == ["n1", "n2", "n3"]
    assert told.status.member_id == told.members[0].member_id


def answers(**changes: str) -> dict[str, str]:
    return sections("n1", ETCD, captured("kubeadm-1.20-etcd")) | {
        name.replace("_", " "): text for name, text in changes.items()
    }


def test_without_quorum_the_status_is_enough() -> None:
    layout = read(CAPTURED).etcd
    assert layout is not None
    lost = answers(members_code="1\n", alarms_code="1\n", alarms_err="{}\nError: context deadline exceeded\n")
    told = DRIVER.read_etcd_facts("n1", printed(ETCD, lost), layout)
    assert (told.members, told.alarms) == ((), ())
    assert "etcdctl alarm list -w json: Error: context deadline exceeded" in told.notes


@pytest.mark.parametrize(
    ("problem", "family", "code"),
    [
        ("tool none of crictl, ctr and docker is on the node's PATH", PermanentError, "etcd_tool_missing"),
        ("container no running container is named etcd: ", TransientError, "node_etcd_not_running"),
    ],
)
def test_why_nobody_could_be_asked_is_told(problem: str, family: type[HoldfastError], code: str) -> None:
    layout = read(CAPTURED).etcd
    assert layout is not None
    with pytest.raises(family) as caught:
        DRIVER.read_etcd_facts("n1", printed(ETCD, {"problem": problem}), layout)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("transport: authentication handshake failed: x509: certificate has expired", "etcd_untrusted"),
        ("remote error: tls: bad certificate", "etcd_client_certificate_rejected"),
        ("dial tcp: connect: connection refused\nFailed (context deadline exceeded)", "etcd_unreachable"),
        ("Failed to get the status of endpoint x (context deadline exceeded)", "etcd_timeout"),
        ("etcdserver: permission denied", "etcd_permission_denied"),
        ("open /x.crt: no such file or directory", "node_file_missing"),
        ("who knows", "etcd_error"),
    ],
)
def test_a_status_that_failed_has_the_code_of_its_words(said: str, code: str) -> None:
    layout = read(CAPTURED).etcd
    assert layout is not None
    results = {"status": CommandResult(1, "[]\n", said)}
    with pytest.raises(HoldfastError) as caught:
        DRIVER.read_etcd_exec("n1", results, layout)
    assert caught.value.code == code
    assert said.splitlines()[-1] in caught.value.message


def test_questions_without_a_shell_are_the_same() -> None:
    layout = read(CAPTURED).etcd
    assert layout is not None
    questions = DRIVER.etcd_exec(layout)
    told = answers()
    results = {name: CommandResult(0, told[f"{name} out"]) for name in questions}
    shell = DRIVER.read_etcd_facts("n1", captured("kubeadm-1.20-etcd"), layout)
    assert DRIVER.read_etcd_exec("n1", results, layout) == shell
    assert questions["status"][:3] == ("etcdctl", "--endpoints", "https://10.78.0.11:2379")
    assert DRIVER.save_argv(layout, "/var/lib/etcd/x.db")[-3:] == ("snapshot", "save", "/var/lib/etcd/x.db")


def test_distributions_without_a_driver_are_refused() -> None:
    assert driver_of("kubeadm").name == "kubeadm"
    with pytest.raises(RefusedError) as caught:
        driver_of("k3s")
    assert caught.value.code == "driver_unsupported"


ALLOWED = {"read", "node_output_unreadable", "node_output_truncated"}


@given(st.data())
@settings(deadline=None)
def test_a_survey_with_anything_in_a_section_is_read_or_unreadable(data: st.DataObject) -> None:
    section = data.draw(st.sampled_from(sorted(CAPTURED)))
    text = CAPTURED[section]
    at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 40))
    instead = data.draw(st.text(st.characters(min_codepoint=9, max_codepoint=126), max_size=40))
    result = printed(SURVEY, {**CAPTURED, section: text[:at] + instead + text[at + length :]})
    read_at = THEN + timedelta(seconds=1)
    found = outcome(
        lambda stdout: DRIVER.read_survey("n1", CommandResult(0, stdout), asked_at=THEN, read_at=read_at), result.stdout
    )
    assert found in ALLOWED


@given(st.data())
@settings(deadline=None)
def test_answers_with_anything_in_them_are_read_or_unreadable(data: st.DataObject) -> None:
    layout = read(CAPTURED).etcd
    assert layout is not None
    told = answers()
    section = data.draw(st.sampled_from([name for name in sorted(told) if name.endswith(" out")]))
    at, instead = data.draw(st.integers(0, len(told[section]))), data.draw(st.text(max_size=5))
    result = printed(ETCD, {**told, section: told[section][:at] + instead + told[section][at + len(instead) :]})
    assert (
        outcome(lambda stdout: DRIVER.read_etcd_facts("n1", CommandResult(0, stdout), layout), result.stdout) in ALLOWED
    )
