"""What transports/base.py obliges every transport to, asked of each on a real node, and of the double in memory."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pydantic import SecretStr

from builders.node import Node, node_behind_jump_host
from builders.reached import (
    HOLD,
    PRINTED,
    PRINTS,
    Reached,
    by_jump_host,
    by_kubernetes,
    by_ssh,
    by_ssm,
    in_memory,
)
from builders.waiting import wait_for
from holdfast.errors import HoldfastError, InvalidInputError, PermanentError, TransientError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_cluster import LocalEtcd
from holdfast.models.command import STDERR_LIMIT, STDOUT_LIMIT, Command
from holdfast.transports.base import Capability, Running, Transport

ALL = ("memory", "ssh", "jump", "ssm", "kubernetes")
ON_NODES = ALL[1:]
WITH_FILES = ("memory", "ssh", "jump", "kubernetes")
SECRET = "https://bucket/plan?X-Amz-Signature=5ecret51gnature"
TELLING = "5ecret51gnature"

on_nodes = pytest.mark.parametrize("reached", ON_NODES, indirect=True)
with_files = pytest.mark.parametrize("reached", WITH_FILES, indirect=True)
with_files_on_nodes = pytest.mark.parametrize("reached", WITH_FILES[1:], indirect=True)


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEtcd]:
    with LocalEtcd.start(tmp_path_factory.mktemp("etcd"), members=1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    with node_behind_jump_host(tmp_path_factory.mktemp("nodes")) as made:
        yield made


@pytest.fixture(params=ALL)
def reached(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, etcd: LocalEtcd
) -> Iterator[Reached]:
    folder = tmp_path_factory.mktemp("reached")
    with ExitStack() as stack:
        if request.param == "memory":
            made = stack.enter_context(in_memory(folder, etcd))
        else:
            node, jump = request.getfixturevalue("machines")
            ways = {
                "ssh": lambda: by_ssh(node),
                "jump": lambda: by_jump_host(node, jump),
                "ssm": lambda: by_ssm(folder, node),
                "kubernetes": lambda: by_kubernetes(node, etcd),
            }
            made = stack.enter_context(ways[request.param]())
        yield made
        made.release()
        for each in made.opened:
            each.close()
        if made.node is not None:
            # What the last test left running may still write there.
            cleared = "rm -rf /go /starts /var/lib/holdfast /tmp/*"
            made.node.run(
                "sh", "-c", f"cd / && for _ in 1 2 3 4 5 6 7 8 9; do {cleared} && exit; sleep 0.3; done; exit 1"
            )


def refusal(call: Callable[[], object]) -> HoldfastError:
    with pytest.raises(HoldfastError) as error:
        call()
    return error.value


def test_a_result_has_exit_code_output_and_errors_byte_for_byte(reached: Reached) -> None:
    values = {"text": 'it\'s {{a}} \\ "b" $c `d`\nand more', "_empty": ""}
    command = Command('printf "%s|%s\\n\\n" "$text" "$_empty"; echo no >&2; exit 3\n', values)
    result = reached.finish(reached.key(), command)
    assert (result.exit_code, result.stdout, result.stderr) == (3, f"{values['text']}|\n\n", "no")
    assert not result.truncated


@on_nodes
def test_a_command_runs_as_root_in_a_directory_of_its_own(reached: Reached) -> None:
    key = reached.key()
    result = reached.finish(key, Command("id -u; pwd; umask; stat -c %a .\n"))
    assert result.stdout.split() == ["0", f"/var/lib/holdfast/steps/{key}", "0077", "700"]


def test_a_step_that_runs_is_found_running_and_one_that_ended_is_found_ended(reached: Reached) -> None:
    key, command = (key := reached.key()), reached.counted(key, f"{HOLD}echo done\n")
    handle = reached.started(key, command)
    again = reached.open().run("n1", key, command, handle)
    assert isinstance(again, Running)
    assert len(again.handle) <= 2000
    reached.release()
    assert reached.finish(key, command, again.handle).stdout == "done\n"
    assert reached.starts(key) == 1


def test_what_a_step_said_last_is_told_while_it_runs(reached: Reached) -> None:
    key, command = (
        (key := reached.key()),
        reached.counted(key, f'echo begun >saying; echo "it is \\"on\\"" >>saying; {HOLD}'),
    )
    handle, using = reached.started(key, command), reached.open()

    def told() -> str:
        nonlocal handle
        answer = using.run("n1", key, command, handle)
        assert isinstance(answer, Running)
        handle = answer.handle
        return answer.said

    assert wait_for(told, "its words", 30) == 'it is "on"'
    reached.release()
    assert reached.finish(key, command, handle).exit_code == 0


def test_a_step_is_found_by_its_key_when_its_handle_was_lost(reached: Reached) -> None:
    key, command = (key := reached.key()), reached.counted(key, f"{HOLD}echo done\n")
    reached.started(key, command)
    reached.release()
    assert reached.finish(key, command).stdout == "done\n"
    assert reached.starts(key) == 1


def test_a_key_that_two_start_at_once_runs_once(reached: Reached) -> None:
    key, command = (key := reached.key()), reached.counted(key, "echo done\n")
    transports = [reached.open(), reached.open()]
    together, said = threading.Barrier(2), []

    def start(transport: Transport) -> None:
        together.wait()
        said.append(reached.finish(key, command, transport=transport).stdout)

    threads = [threading.Thread(target=start, args=(each,)) for each in transports]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert said == ["done\n", "done\n"]
    assert reached.starts(key) == 1


def test_another_key_is_another_step(reached: Reached) -> None:
    one, other = reached.key(), reached.key()
    assert reached.finish(one, Command("echo one\n")).stdout == "one\n"
    assert reached.finish(other, Command("echo other\n")).stdout == "other\n"


def test_a_step_on_a_node_that_was_rebooted_is_lost_and_then_starts_anew(reached: Reached) -> None:
    key, command = (key := reached.key()), reached.counted(key, f"{HOLD}echo done\n")
    handle = reached.started(key, command)
    wait_for(lambda: reached.starts(key) == 1, "the script's first line")
    reached.reboot()
    error = refusal(lambda: reached.finish(key, command, handle))
    assert (type(error), error.code) == (TransientError, "node_step_lost")
    reached.release()
    assert reached.finish(key, command).stdout == "done\n"
    assert reached.starts(key) == 2


def test_a_step_that_ended_before_the_reboot_is_still_known(reached: Reached) -> None:
    key, command = (key := reached.key()), reached.counted(key, "echo done\n")
    assert reached.finish(key, command).stdout == "done\n"
    reached.reboot()
    assert reached.finish(key, command).stdout == "done\n"
    assert reached.starts(key) == 1


def test_a_cancelled_step_is_forgotten(reached: Reached) -> None:
    key, command = (key := reached.key()), reached.counted(key, HOLD)
    reached.started(key, command)
    reached.open().cancel("n1", key)
    if reached.node is not None:
        wait_for(lambda: not reached.step(key).exists(), "the end of the step", 20)
    reached.release()
    assert reached.finish(key, command).exit_code == 0
    assert reached.starts(key) == 2


@on_nodes
def test_a_cancelled_step_ends_with_what_it_left_elsewhere(reached: Reached) -> None:
    key = reached.key()
    reached.started(key, Command(f"echo /left >leftovers; : >/left; {HOLD}"))
    wait_for(reached.node.path("/left").exists, "what the step leaves", 20)  # type: ignore[union-attr]
    reached.open().cancel("n1", key)
    wait_for(lambda: not reached.step(key).exists(), "the end of the step", 20)
    assert not reached.node.path("/left").exists()  # type: ignore[union-attr]
    assert [line for line in reached.node.command_lines() if key in line] == []  # type: ignore[union-attr]


def test_a_key_with_a_dot_at_its_end_cancels_all_steps_that_begin_so_and_no_other(reached: Reached) -> None:
    other = reached.key("prod-1-20261120T154300Z-m-1a2b3c0")
    of_run = [reached.key("prod-1-20261120T154300Z-m-1a2b3c") for _ in range(2)]
    for key in (*of_run, other):
        reached.started(key, reached.counted(key, f"{HOLD}"))
    reached.open().cancel("n1", "prod-1-20261120T154300Z-m-1a2b3c.")
    if reached.node is not None:
        wait_for(lambda: not any(reached.step(key).exists() for key in of_run), "the end of the steps", 30)
    reached.release()
    for key in (*of_run, other):
        assert reached.finish(key, reached.counted(key, HOLD)).exit_code == 0
    assert [reached.starts(key) for key in (*of_run, other)] == [2, 2, 1]


def test_cancelling_what_never_started_is_no_error(reached: Reached) -> None:
    reached.open().cancel("n1", reached.key())
    reached.open().cancel("n1", "nobody.")


def test_a_secret_reaches_the_script(reached: Reached) -> None:
    command = Command('. ./secrets && rm -f ./secrets; printf %s "$url"\n', {}, {"url": SecretStr(SECRET)})
    assert reached.finish(reached.key(), command).stdout == SECRET


@on_nodes
def test_a_secret_is_in_no_argument_no_environment_no_log_no_handle_and_no_file_that_stays(
    reached: Reached, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="paramiko")
    node = reached.node
    assert node is not None
    script = f'. ./secrets && rm -f ./secrets\nprintf %s "$url" | sha256sum >sum\n{HOLD}'
    key, command = reached.key(), Command(script, {}, {"url": SecretStr(SECRET)})
    handle = reached.started(key, command)
    wait_for((reached.step(key) / "sum").exists, "the script's use of its secret", 20)
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' || true"
    processes = node.run("sh", "-c", look)
    assert key in processes
    kept = {path for path in node.root.rglob("*") if path.is_file() and path.stat().st_size}
    assert reached.step(key) / "script" in kept
    reached.release()
    assert reached.finish(key, command, handle).exit_code == 0
    assert [text for text in (handle, repr(command), processes, caplog.text) if TELLING in text] == []
    assert [path for path in kept if path.exists() and TELLING.encode() in path.read_bytes()] == []


def test_output_beyond_the_limit_keeps_its_start_and_says_so(reached: Reached) -> None:
    script = "yes 12345678 | head -c 30000; head -c 5000 /dev/zero | tr '\\0' e >&2\n"
    result = reached.finish(reached.key(), Command(script))
    assert result.truncated
    assert result.stdout == ("12345678\n" * 4000)[:STDOUT_LIMIT]
    assert result.stderr == "e" * STDERR_LIMIT


def test_output_of_just_the_limit_is_whole(reached: Reached) -> None:
    result = reached.finish(reached.key(), Command(f"yes 1234567 | head -c {STDOUT_LIMIT}\n"))
    assert (len(result.stdout), result.truncated) == (STDOUT_LIMIT, False)


def test_a_script_that_takes_too_long_is_ended_with_124(reached: Reached) -> None:
    assert reached.finish(reached.key(), Command("sleep 600\n", timeout_s=1)).exit_code == 124


def test_a_node_that_is_none_of_the_clusters_is_refused(reached: Reached) -> None:
    transport = reached.open()
    assert transport.nodes == ("n1",)
    for call in (lambda: transport.run("n9", "k", Command("true\n")), lambda: transport.cancel("n9", "k")):
        error = refusal(call)
        assert (type(error), error.code) == (InvalidInputError, "node_unknown")


def test_what_a_transport_cannot_do_it_says(reached: Reached) -> None:
    transport = reached.open()
    calls: dict[Capability, Callable[[], object]] = {
        "upload_file": lambda: transport.upload_file("n1", "/f", b""),
        "fetch_file": lambda: transport.fetch_file("n1", "/f"),
        "stream": lambda: transport.stream("n1", ("true",)).__enter__(),
        "port_forward": lambda: transport.port_forward("n1", 2379).__enter__(),
        "exec": lambda: transport.exec("n1", ("true",)),
    }
    assert "run" in transport.capabilities
    for capability, call in calls.items():
        if capability not in transport.capabilities:
            error = refusal(call)
            assert (capability, type(error), error.code) == (capability, PermanentError, "transport_cannot")


@with_files
def test_a_file_comes_back_as_it_was_sent(reached: Reached) -> None:
    transport = reached.open()
    for data in (b"", bytes(range(256)) * 5, b"\xff" * (1 << 20)):
        transport.upload_file("n1", "/tmp/it's a file", data)
        assert transport.fetch_file("n1", "/tmp/it's a file") == data


@with_files
def test_a_file_larger_than_the_limit_is_not_sent_and_not_fetched(reached: Reached) -> None:
    transport = reached.open()
    error = refusal(lambda: transport.upload_file("n1", "/tmp/large", b"x" * ((1 << 20) + 1)))
    assert (type(error), error.code) == (InvalidInputError, "node_file_too_large")
    assert refusal(lambda: transport.fetch_file("n1", "/tmp/large")).code == "node_file_missing"
    transport.upload_file("n1", "/tmp/large", b"x" * 1001)
    error = refusal(lambda: transport.fetch_file("n1", "/tmp/large", limit=1000))
    assert (type(error), error.code) == (PermanentError, "node_file_too_large")
    assert len(transport.fetch_file("n1", "/tmp/large", limit=1001)) == 1001


@with_files_on_nodes
def test_a_file_belongs_to_root_and_has_its_mode_from_the_start(reached: Reached) -> None:
    transport, node = reached.open(), reached.node
    assert node is not None
    transport.upload_file("n1", "/etc/holdfast-key", b"key")
    transport.upload_file("n1", "/etc/holdfast-program", b"program", mode=0o755)
    told = node.run("stat", "-c", "%a %U", "/etc/holdfast-key", "/etc/holdfast-program")
    assert told.split() == ["600", "root", "755", "root"]


@with_files_on_nodes
def test_a_file_that_cannot_be_written_leaves_nothing(reached: Reached) -> None:
    transport, node = reached.open(), reached.node
    assert node is not None
    assert refusal(lambda: transport.upload_file("n1", "/nowhere/file", b"x")).code == "node_command_failed"
    assert refusal(lambda: transport.upload_file("n1", "/srv", b"x")).code == "node_command_failed"
    assert node.run("sh", "-c", "find / -xdev -name '*.holdfast-new*'") == ""
    assert list(node.path("/srv").iterdir()) == []


@with_files
def test_a_stream_brings_all_that_a_program_prints(reached: Reached) -> None:
    with reached.open().stream("n1", PRINTS) as blobs:
        assert b"".join(blobs) == PRINTED


@with_files_on_nodes
def test_a_program_that_fails_is_told_after_its_last_byte(reached: Reached) -> None:
    seen = bytearray()

    def read() -> None:
        with reached.open().stream("n1", ("sh", "-c", "echo before; echo no such thing >&2; exit 7")) as blobs:
            for each in blobs:
                seen.extend(each)

    error = refusal(read)
    assert (type(error), error.code) == (PermanentError, "node_command_failed")
    assert "7" in error.message
    assert "no such thing" in error.message
    assert seen == b"before\n"


@with_files_on_nodes
@pytest.mark.parametrize("then", ["yes", "sleep 4711"])
def test_leaving_a_stream_early_ends_its_program(reached: Reached, then: str) -> None:
    node = reached.node
    assert node is not None
    with reached.open().stream("n1", ("sh", "-c", f"echo begun; exec {then}")) as blobs:
        assert next(iter(blobs)).startswith(b"begun")
    wait_for(lambda: then not in node.command_lines(), f"the end of {then}", 20)


@with_files
def test_a_forwarded_port_carries_etcds_own_api(reached: Reached, etcd: LocalEtcd) -> None:
    transport, port = reached.open(), etcd.members[0].client_port
    cluster = GrpcEtcdCluster(
        etcd.endpoints, etcd.tls, dial=lambda _: transport.port_forward("n1", port), deadlines=EtcdDeadlines(call_s=5)
    )
    assert [status.name for status in cluster.facts().members] == ["etcd-0"]
    with cluster.snapshot(etcd.endpoints[0]) as blobs:
        assert sum(len(each) for each in blobs) > 16_384


@with_files
def test_a_port_that_nobody_listens_at_is_no_hanging_connection(reached: Reached, etcd: LocalEtcd) -> None:
    transport = reached.open()
    cluster = GrpcEtcdCluster(
        etcd.endpoints, etcd.tls, dial=lambda _: transport.port_forward("n1", 1), deadlines=EtcdDeadlines(call_s=3)
    )
    assert refusal(cluster.facts).family == "transient"


def test_a_transport_is_closed_twice_and_leaves_no_thread(reached: Reached, etcd: LocalEtcd) -> None:
    before = set(threading.enumerate())
    transport = reached.transport()
    reached.finish(reached.key(), Command("true\n"), transport=transport)
    if "port_forward" in transport.capabilities:
        with transport.port_forward("n1", etcd.members[0].client_port):
            pass
    transport.close()
    transport.close()
    ours = [each for each in set(threading.enumerate()) - before if "process_request" not in each.name]
    for each in ours:
        each.join(5)
    assert [each.name for each in ours if each.is_alive()] == []
