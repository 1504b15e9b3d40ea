"""The local cluster that tests, demo and bench stand on."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.errors import PermanentError, TransientError
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.local.etcd_member import LocalMember, free_port
from holdfast.local.pki import issue_ca

STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from holdfast.local.etcd_cluster import LocalEtcd
cluster = LocalEtcd.start(Path(sys.argv[1]), members=2)
print(*(member.pid for member in cluster.members), flush=True)
sys.stdin.read()
"""


def is_alive(pid: int) -> bool:
    """A zombie, which only waits for its parent to take note, is not alive."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_leaving_the_block_ends_every_member(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path) as etcd:
        pids = [member.pid for member in etcd.members if member.pid]
        assert len(pids) == 3
        assert all(is_alive(pid) for pid in pids)
    assert not any(is_alive(pid) for pid in pids)


def test_members_die_with_a_process_that_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTS_AND_WAITS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    assert len(pids) == 2
    watched = [os.pidfd_open(pid) for pid in pids]
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    for descriptor in watched:
        # Readable when the process has ended; a test that waits here for ever ends by its timeout.
        select.select([descriptor], [], [])
        os.close(descriptor)
    assert not any(is_alive(pid) for pid in pids)


def test_a_stopped_member_comes_back_with_its_data(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path, members=1) as etcd:
        etcd.writer().put(b"/kept", b"1")
        etcd.stop_member(0)
        etcd.start_member(0)
        etcd.wait_until(lambda facts: facts.statuses[0].leader_id != "0")
        assert etcd.client().key_count(etcd.endpoints[0], "/kept") == 1


def test_a_port_that_somebody_took_is_recognised(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path / "first", members=1) as first:
        second = LocalMember("late", tmp_path / "late", first.members[0].client_port, free_port())
        second.write_certificates(issue_ca())
        second.start(f"late={second.peer_url}", "token")
        assert second.wait() != 0
        assert second.port_was_taken()


def test_a_start_on_a_port_that_somebody_took_is_repeated_on_another(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path / "first", members=1) as first:
        taken = first.members[0].client_port
        ports = iter([taken])
        with LocalEtcd.start(tmp_path / "second", members=1, port=lambda: next(ports, 0) or free_port()) as second:
            assert second.members[0].client_port != taken
            assert len(second.client().facts().statuses) == 1


def test_a_start_gives_up_when_every_port_is_taken(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path / "first", members=1) as first:
        taken = first.members[0].client_port
        with pytest.raises(TransientError) as caught:
            LocalEtcd.start(tmp_path / "second", members=1, port=lambda: taken)
    assert caught.value.code == "etcd_ports_taken"


def test_an_etcdctl_that_fails_says_what_etcd_said(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path, members=1) as etcd, pytest.raises(PermanentError) as caught:
        etcd.etcdctl("member", "remove", "ffff")
    assert caught.value.code == "etcd_tool_failed"
    assert "not found" in caught.value.message


def test_a_member_that_cannot_start_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.db"
    nonsense.write_bytes(b"no database")
    with pytest.raises(PermanentError) as caught:
        LocalEtcd.start(tmp_path / "etcd", members=1, snapshot=nonsense)
    assert caught.value.code == "etcd_tool_failed"


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with LocalEtcd.start(tmp_path, members=1) as etcd:
        etcd.etcdctl("endpoint", "health")
        keys = sorted(tmp_path.rglob("*.key"))
        assert [key.name for key in keys] == ["client.key", "member.key"]
        assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
