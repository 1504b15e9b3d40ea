"""survey.sh and etcd_facts.sh under the shells of nodes, read by the driver: an etcd that is a process of its host."""

import base64
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from builders.questions import Asker, etcd_of_the_environment, node_root
from builders.shell import Shell
from holdfast.drivers.kubeadm.driver import KubeadmDriver
from holdfast.errors import HoldfastError, PermanentError
from holdfast.local.pki import issue_ca
from holdfast.models.command import CommandResult
from holdfast.models.node import NodeSurvey

DRIVER = KubeadmDriver()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("outside")
    with etcd_of_the_environment(folder) as (process, environment):
        yield node_root(folder / "root", shown=folder, process=process.pid), environment


def read(result: CommandResult) -> NodeSurvey:
    assert result.exit_code == 0, result.stderr
    now = datetime.now(UTC)
    return DRIVER.read_survey("n1", result, asked_at=now, read_at=now)


def unpacked(result: CommandResult) -> str:
    head, line = result.stdout.splitlines()[:2]
    assert " gzip " in head
    return zlib.decompress(base64.b64decode(line), 31).decode()


@pytest.fixture(params=[shell for shell in get_args(Shell) if shell != "bash"])
def shell(request: pytest.FixtureRequest) -> Shell:
    found: Shell = request.param
    return found


@pytest.mark.parametrize("embedded", [False, True])
def test_kubelets_own_certificate_tells_the_nodes_name_and_its_key_stays_there(
    tmp_path: Path, shell: Shell, *, embedded: bool
) -> None:
    root = tmp_path / "root"
    pair = issue_ca().issue_client("system:node:n1.example", group="system:nodes")
    folder, text = "/var/lib/kubelet/pki", pair.key + pair.certificate + pair.key
    (root / f"{folder[1:]}").mkdir(parents=True)
    (root / "etc/kubernetes").mkdir(parents=True)
    (root / f"{folder[1:]}/kubelet-client-dated.pem").write_text(text)
    (root / f"{folder[1:]}/kubelet-client-current.pem").symlink_to("kubelet-client-dated.pem")
    data = base64.b64encode(pair.certificate.encode()).decode()
    user = (
        f"    client-certificate-data: {data}\n    client-key-data: c2VjcmV0\n"
        if embedded
        else f"    client-certificate: {folder}/kubelet-client-current.pem\n"
        f'    client-key: "{folder}/kubelet-client-current.pem"\n'
    )
    (root / "etc/kubernetes/kubelet.conf").write_text(f"users:\n- name: default-auth\n  user:\n{user}")
    result = Asker(tmp_path / "node", shell).ask(DRIVER.survey(), root=str(root))
    survey = read(result)
    files = tuple(f"{folder}/kubelet-client-{name}.pem" for name in ("current", "dated"))
    assert (survey.node_name, survey.kubelet_files) == ("n1.example", () if embedded else files)
    assert embedded or set(files) <= set(survey.bundle_paths)
    said = unpacked(result)
    assert "PRIVATE" not in said
    assert not any(line in said for line in pair.key.splitlines())
    assert "c2VjcmV0" not in said


def test_an_etcd_of_the_host_is_found_by_its_environment_and_asked(
    outside: tuple[Path, dict[str, str]], tmp_path: Path, shell: Shell
) -> None:
    root, environment = outside
    asker = Asker(tmp_path / "node", shell)
    survey = read(asker.ask(DRIVER.survey(), root=str(root)))
    assert (survey.topology, survey.etcd_problem) == ("external-etcd", "")
    layout = survey.etcd
    assert layout is not None
    assert (layout.name, layout.container) == ("outside-1", False)
    assert layout.data_dir == layout.host_data_dir == environment["ETCD_DATA_DIR"]
    assert (layout.ca, layout.cert) == (environment["ETCD_TRUSTED_CA_FILE"], environment["ETCD_CERT_FILE"])
    assert {layout.ca, layout.cert, layout.key} <= set(survey.bundle_paths)
    told = DRIVER.read_etcd_facts("n1", asker.ask(DRIVER.etcd_facts(layout)), layout)
    assert (told.status.version, told.status.endpoint) == ("3.5.1", environment["ETCD_ADVERTISE_CLIENT_URLS"])
    assert told.status.is_leader
    assert [(member.member_id, member.name) for member in told.members] == [(told.status.member_id, "outside-1")]
    assert (told.alarms, told.notes, told.etcdctl_version) == ((), (), "3.5.1")


def test_certificates_that_kubeadm_made_for_probes_come_first(
    outside: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    root, environment = outside
    beside = Path(environment["ETCD_CERT_FILE"]).parent
    pair = (beside / "healthcheck-client.crt", beside / "healthcheck-client.key")
    for path in pair:
        path.write_text("")
    try:
        layout = read(Asker(tmp_path / "node", "dash").ask(DRIVER.survey(), root=str(root))).etcd
    finally:
        for path in pair:
            path.unlink()
    assert layout is not None
    assert (layout.cert, layout.key) == tuple(map(str, pair))


def test_nothing_of_the_environment_but_what_is_needed_leaves_the_node(
    outside: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    text = unpacked(Asker(tmp_path / "node", "dash").ask(DRIVER.survey(), root=str(outside[0])))
    assert "ETCD_NAME=outside-1" in text
    assert "a-token-that-stays-here" not in text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("value: s3cret", "name: AFTER"),
        ("value: |\n        s3cret\n\n        s3cret", "name: AFTER"),
        ("value: 'a\n        s3cret'", "name: AFTER"),
        ("value: http://user:s3cret@proxy", "name: AFTER"),
    ],
)
def test_values_of_variables_in_a_manifest_do_not_leave_the_node(
    tmp_path: Path, shell: Shell, value: str, kept: str
) -> None:
    root = node_root(tmp_path / "root", shown=tmp_path)
    manifests = root / "etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    env = f"    env:\n    - name: BEFORE\n      {value}\n    - name: AFTER\n      value: s3cret\n"
    (manifests / "etcd.yaml").write_text(
        f"spec:\n  containers:\n  - name: etcd\n    command: [etcd]\n{env}    image: i\n"
    )
    text = unpacked(Asker(tmp_path / "node", shell).ask(DRIVER.survey(), root=str(root)))
    assert kept in text
    assert "image: i" in text
    assert "s3cret" not in text


def test_without_gzip_the_survey_is_plain_and_reads_the_same(
    outside: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    result = Asker(tmp_path / "node", "dash", without=("gzip",)).ask(DRIVER.survey(), root=str(outside[0]))
    assert " plain " in result.stdout.splitlines()[0]
    survey = read(result)
    assert survey.etcd is not None
    assert "gzip" not in survey.tools


def test_a_node_with_nothing_on_it_is_none(tmp_path: Path, shell: Shell) -> None:
    root = node_root(tmp_path / "root", shown=tmp_path)
    survey = read(Asker(tmp_path / "node", shell).ask(DRIVER.survey(), root=str(root)))
    assert (survey.topology, survey.etcd, survey.bundle_paths) == ("none", None, ())


def test_an_etcd_in_a_container_that_is_no_pod_cannot_be_asked(
    outside: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    (seen,) = (path for path in (outside[0] / "proc").iterdir() if path.name != "sys")
    root = node_root(
        tmp_path / "root", shown=outside[0], process=int(seen.name), cgroup=f"0::/system.slice/docker-{'a' * 64}.scope"
    )
    survey = read(Asker(tmp_path / "node", "dash").ask(DRIVER.survey(), root=str(root)))
    assert survey.etcd is None
    assert "no static pod" in survey.etcd_problem


def failure(asker: Asker, survey: NodeSurvey, **changes: object) -> HoldfastError:
    assert survey.etcd is not None
    layout = survey.etcd.model_copy(update=changes)
    with pytest.raises(HoldfastError) as caught:
        DRIVER.read_etcd_facts("n1", asker.ask(DRIVER.etcd_facts(layout)), layout)
    return caught.value


def test_why_a_member_cannot_be_asked_is_told(outside: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    asker = Asker(tmp_path / "node", "dash")
    survey = read(asker.ask(DRIVER.survey(), root=str(outside[0])))
    assert failure(asker, survey, cert="/nowhere.crt").code == "node_file_missing"
    bare = Asker(tmp_path / "bare", "dash", without=("etcdctl",))
    missing = failure(bare, survey)
    assert isinstance(missing, PermanentError)
    assert missing.code == "etcd_tool_missing"
