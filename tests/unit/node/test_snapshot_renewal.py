"""A node that is at work for longer than its URLs live: it looks for fresh ones in the list that it was given."""

from pathlib import Path
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.node_snapshot import SnapshotNode, WaitingUpload, look_again, looks, saving_until
from builders.proc import seen_in_processes
from builders.real_etcd import RealEtcd, two_free_ports
from builders.s3_server import client_of
from builders.waiting import wait_for


@pytest.fixture(params=["dash", "busybox", "bash"])
def node(request: pytest.FixtureRequest, tmp_path: Path, etcd: RealEtcd) -> SnapshotNode:
    return SnapshotNode(tmp_path, etcd, request.param)


@pytest.fixture
def dash(tmp_path: Path, etcd: RealEtcd) -> SnapshotNode:
    return SnapshotNode(tmp_path, etcd, "dash")


def dead(count: int) -> list[str]:
    port, _ = two_free_ports()
    return [f"http://127.0.0.1:{port}/b/k?X-Amz-Signature=expired{number}" for number in range(count)]


def test_urls_that_died_while_etcd_saved_are_replaced_by_those_of_the_next_list(
    node: SnapshotNode, client: Any, bucket: str, s3_url: str, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    with fault_proxy(s3_url) as proxy:
        upload = WaitingUpload(client_of(proxy.url), bucket)
        good, upload.lines = upload.lines, [*dead(upload.count), upload.renewal()]
        with node.program(upload, stubs=saving_until(go)).start() as process:
            wait_for(lambda: looks(proxy) >= 1, "the first look at the list")
            upload.lines = [*good, upload.renewal()]
            upload.plan_url()
            look_again(proxy)
            go.touch()
            stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stdout + stderr
        assert "Signature" not in stdout + stderr
        assert upload.complete()


BROKEN = {
    "empty, as the function leaves it": [],
    "shorter": ["http://127.0.0.1:1/b/k"],
    "something else": ["<html>a proxy's page</html>"] * 7,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_whole_list_changes_nothing(
    dash: SnapshotNode, bucket: str, s3_url: str, tmp_path: Path, name: str
) -> None:
    go = tmp_path / "go"
    with fault_proxy(s3_url) as proxy:
        upload = WaitingUpload(client_of(proxy.url), bucket)
        upload.lines = [*upload.lines, upload.renewal()]
        with dash.program(upload, stubs=saving_until(go)).start() as process:
            wait_for(lambda: looks(proxy) >= 1, "the first look at the list")
            upload.lines = BROKEN[name]
            upload.plan_url()
            look_again(proxy)
            go.touch()
            stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stdout + stderr
        assert upload.complete()


@pytest.mark.parametrize(
    "fault",
    [HttpFault("GET", "again=1", "answer", 99, 403, "AccessDenied"), HttpFault("GET", "again=1", "reset", 99)],
    ids=lambda fault: fault.act,
)
def test_a_list_that_cannot_be_had_again_stops_nothing(
    dash: SnapshotNode, bucket: str, s3_url: str, tmp_path: Path, fault: HttpFault
) -> None:
    go = tmp_path / "go"
    with fault_proxy(s3_url, [fault]) as proxy:
        upload = WaitingUpload(client_of(proxy.url), bucket)
        upload.lines = [*upload.lines, f"{upload.renewal()}&again=1"]
        with dash.program(upload, stubs=saving_until(go)).start() as process:
            wait_for(lambda: fault.met >= 2, "two looks at the list that failed")
            go.touch()
            stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stdout + stderr


def processes_in(folder: Path) -> list[Path]:
    def there(process: Path) -> Path | None:
        at = (process / "cwd").readlink()
        return at if at.is_relative_to(folder) else None

    return seen_in_processes(there)


def test_nobody_looks_for_lists_any_more_when_the_snapshot_is_sent(
    node: SnapshotNode, client: Any, bucket: str
) -> None:
    upload = WaitingUpload(client, bucket)
    upload.lines = [*upload.lines, upload.renewal()]
    program = node.program(upload, renew_pause_s="50")
    assert program.run().exit_code == 0
    wait_for(lambda: not processes_in(program.folder), "no process left in the step's folder", 5)
    assert program.left() == set()
