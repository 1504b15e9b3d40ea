"""SSH where something is wrong: keys, hosts, jump hosts, sudo, connections that break."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.node import Node, Sudo, node_behind_jump_host
from builders.reached import HOLD, QUICK, over_ssh, ssh_spec
from builders.ssh_keys import client_key, host_key, other_key
from builders.tcp_proxy import tcp_proxy
from builders.waiting import wait_for
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.local.etcd_member import free_port
from holdfast.models.cluster import SshTransport
from holdfast.models.command import Command, CommandResult
from holdfast.transports.ssh.connection import SshDeadlines
from holdfast.transports.ssh.transport import SshNodes
from holdfast.transports.steps import STEPS

TRUE = Command("true\n")
COUNT = Command("echo started >>/count; wc -l </count\n")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    with node_behind_jump_host(tmp_path_factory.mktemp("nodes")) as made:
        yield made


@pytest.fixture
def node(machines: tuple[Node, Node]) -> Iterator[Node]:
    yield machines[0]
    machines[0].set_sudo("nopasswd")
    machines[0].run("sh", "-c", "rm -rf /count /go /var/lib/holdfast /tmp/* /home/core/.ssh/rc")


@pytest.fixture
def jump(machines: tuple[Node, Node]) -> Node:
    return machines[1]


def changed(spec: SshTransport, *, jump: bool = False, **fields: Any) -> SshTransport:
    """With other fields of the node, or of the jump host."""
    value = spec.model_dump()
    (value["jump"] if jump else value["nodes"][0]).update(fields)
    return SshTransport.model_validate(value)


def finished(transport: SshNodes, key: str, command: Command) -> CommandResult:
    def ended() -> CommandResult | None:
        answer = transport.run("n1", key, command)
        return answer if isinstance(answer, CommandResult) else None

    return wait_for(ended, f"the end of {key}", 30)


def refusal(spec: SshTransport, deadlines: SshDeadlines = QUICK) -> HoldfastError:
    transport = over_ssh(spec, deadlines)
    try:
        return error_of(lambda: transport.run("n1", "refused", TRUE))
    finally:
        transport.close()


def error_of(call: Callable[[], object]) -> HoldfastError:
    with pytest.raises(HoldfastError) as error:
        call()
    return error.value


def test_a_host_whose_key_is_not_pinned_is_refused_with_its_fingerprint_and_the_line_to_pin_it(node: Node) -> None:
    error = refusal(changed(ssh_spec(node), host_keys=()))
    assert (type(error), error.code) == (PermanentError, "ssh_host_key_unknown")
    assert node.fingerprints[0] in error.message
    line = re.search(r"host_keys: \[\"(.*)\"\]", error.hint)
    assert line
    file = re.search(r"`(ssh-keygen -lf .*)`", error.hint)
    assert file
    assert line[1] in node.run(*file[1].split())
    over_ssh(changed(ssh_spec(node), host_keys=(line[1],))).close()


def test_a_host_whose_key_changed_is_refused_before_it_learns_who_comes(node: Node) -> None:
    log = node.path("/var/log/sshd.log")
    before = log.read_text()
    expected = host_key("ed25519").fingerprint
    error = refusal(changed(ssh_spec(node), host_keys=(expected,)))
    assert (type(error), error.code) == (PermanentError, "ssh_host_key_changed")
    assert node.fingerprints[0] in error.message
    assert "in between" in error.hint
    assert "core" not in log.read_text().removeprefix(before)


@pytest.mark.parametrize("pinned", ["ed25519", "ecdsa", "rsa"])
def test_a_host_with_several_keys_may_be_pinned_by_any_of_them(tmp_path: Path, pinned: str) -> None:
    with Node(tmp_path, "n1", host_keys=("ed25519", "ecdsa", "rsa")) as node:
        (key,) = (each for each in node.host_keys if each.kind == pinned)
        transport = over_ssh(changed(ssh_spec(node), host_keys=(key.fingerprint,)))
        assert finished(transport, "pinned", COUNT).stdout == "1\n"
        transport.close()
        error = refusal(changed(ssh_spec(node), host_keys=(host_key("rsa").fingerprint,)))
        assert error.code == "ssh_host_key_changed"
        assert [each for each in node.fingerprints if each not in error.message] == []


def test_a_key_that_the_host_does_not_know_is_rejected(node: Node) -> None:
    transport = SshNodes(ssh_spec(node), other_key(), client_key(), deadlines=QUICK)
    error = error_of(lambda: transport.run("n1", "refused", TRUE))
    assert (type(error), error.code) == (PermanentError, "ssh_key_rejected")
    assert "~core/.ssh/authorized_keys" in error.hint
    transport.close()


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_keys_of_other_kinds_are_let_in(node: Node, kind: str) -> None:
    key = host_key(kind)
    known = node.path("/home/core/.ssh/authorized_keys")
    before = known.read_text()
    known.write_text(f"{before}{key.public}\n")
    secret = client_key().model_validate({"private_key": key.private})
    transport = SshNodes(ssh_spec(node), secret, secret, deadlines=QUICK)
    assert finished(transport, f"by-{kind}", TRUE).exit_code == 0
    transport.close()
    known.write_text(before)


def test_a_node_that_is_down_is_unreachable_directly_and_behind_the_jump_host(node: Node, jump: Node) -> None:
    for spec, words in ((ssh_spec(node), "refused"), (ssh_spec(node, jump), "the jump host could not connect there")):
        error = refusal(changed(spec, port=free_port()))
        assert (type(error), error.code) == (TransientError, "node_unreachable")
        assert error.message.startswith("n1: ")
        assert words in error.message


def test_a_name_that_nobody_knows_is_unreachable(node: Node) -> None:
    assert refusal(changed(ssh_spec(node), host="n1.invalid")).code == "node_unreachable"


def test_a_jump_host_that_is_down_is_named(node: Node, jump: Node) -> None:
    error = refusal(changed(ssh_spec(node, jump), jump=True, port=free_port()))
    assert (type(error), error.code) == (TransientError, "ssh_jump_unreachable")
    assert "jump host 127.0.0.1" in error.message


def test_a_jump_host_whose_key_changed_is_named(node: Node, jump: Node) -> None:
    error = refusal(changed(ssh_spec(node, jump), jump=True, host_keys=node.fingerprints))
    assert error.code == "ssh_host_key_changed"
    assert "jump host 127.0.0.1" in error.message
    assert jump.fingerprints[0] in error.message


def test_a_jump_host_with_a_key_of_its_own_gets_that_one(node: Node, jump: Node) -> None:
    transport = SshNodes(ssh_spec(node, jump), client_key(), other_key(), deadlines=QUICK)
    error = error_of(lambda: transport.run("n1", "refused", TRUE))
    assert error.code == "ssh_key_rejected"
    assert "jump host" in error.message
    transport.close()


def test_a_jump_host_that_forbids_forwarding_is_told_with_what_to_allow(node: Node, tmp_path: Path) -> None:
    forbidding = Node(tmp_path, "jump")
    config = forbidding.path("/etc/ssh/sshd_config")
    config.write_text(config.read_text().replace("AllowTcpForwarding local", "AllowTcpForwarding no"))
    with forbidding:
        error = refusal(ssh_spec(node, forbidding))
    assert (type(error), error.code) == (PermanentError, "ssh_jump_forbids")
    assert "AllowTcpForwarding" in error.hint


@pytest.mark.parametrize("sudo", ["password", "none", "requiretty"])
def test_sudo_that_refuses_is_told_with_lines_that_make_it_work(node: Node, sudo: Sudo) -> None:
    node.set_sudo(sudo)
    transport = over_ssh(ssh_spec(node))

    def stream() -> None:
        with transport.stream("n1", ("true",)) as blobs:
            list(blobs)

    calls: tuple[Callable[[], object], ...] = (
        lambda: transport.run("n1", f"sudo-{sudo}", TRUE),
        lambda: transport.upload_file("n1", "/tmp/x", b"x"),
        lambda: transport.fetch_file("n1", "/etc/shadow"),
        stream,
    )
    errors = [error_of(call) for call in calls]
    assert [(type(error), error.code) for error in errors] == [(PermanentError, "node_sudo_refused")] * len(calls)
    lines = re.findall(r"`([^`]+)`", errors[0].hint)
    node.write("/etc/sudoers", f"Defaults requiretty\nroot ALL=(ALL:ALL) ALL\n{'\n'.join(lines)}\n", mode=0o440)
    assert finished(transport, f"sudo-{sudo}", TRUE).exit_code == 0
    transport.upload_file("n1", "/tmp/x", b"x")
    assert transport.fetch_file("n1", "/etc/shadow")
    transport.close()


def test_the_documented_lines_for_sudo_suffice(node: Node) -> None:
    document = (Path(__file__).parents[2] / "docs/reference/transports.md").read_text()
    lines = re.search(r"```\n(Defaults:holdfast .*?)```", document, re.DOTALL)
    assert lines
    node.write("/etc/sudoers", f"Defaults requiretty\n{lines[1].replace('holdfast', 'core')}", mode=0o440)
    transport = over_ssh(ssh_spec(node))
    assert finished(transport, "documented", Command("id -u\n")).stdout == "0\n"
    transport.close()


def test_root_needs_no_sudo(node: Node) -> None:
    node.set_sudo("none")
    transport = over_ssh(ssh_spec(node, user="root"))
    assert finished(transport, "as-root", Command("id -u\n")).stdout == "0\n"
    transport.close()


def test_what_a_login_script_prints_is_no_part_of_answers_files_and_streams(node: Node) -> None:
    node.write("/home/core/.ssh/rc", 'echo "Welcome to n1!"; echo "{\\"holdfast\\":1}"; echo careful >&2\n')
    transport = over_ssh(ssh_spec(node))
    assert finished(transport, "noise", Command("echo said\n")).stdout == "said\n"
    transport.upload_file("n1", "/tmp/noise", b"abc")
    assert transport.fetch_file("n1", "/tmp/noise", limit=3) == b"abc"
    with transport.stream("n1", ("cat", "/tmp/noise")) as blobs:
        assert b"".join(blobs) == b"abc"
    assert error_of(lambda: transport.fetch_file("n1", "/tmp/none")).code == "node_file_missing"
    transport.close()


def test_a_shell_that_gives_no_answer_is_told_with_its_words(node: Node) -> None:
    node.run("sed", "-i", "s|^core:\\(.*\\):/bin/sh|core:\\1:/usr/sbin/nologin|", "/etc/passwd")
    error = refusal(ssh_spec(node))
    node.run("sed", "-i", "s|^core:\\(.*\\):/usr/sbin/nologin|core:\\1:/bin/sh|", "/etc/passwd")
    assert (type(error), error.code) == (PermanentError, "node_output_unreadable")


def test_a_server_that_hangs_before_it_says_anything_is_unreachable(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = changed(ssh_spec(node), port=silent.getsockname()[1])
        error = refusal(spec, SshDeadlines(connect_s=1, handshake_s=1, exchange_s=1))
    assert (type(error), error.code) == (TransientError, "node_unreachable")


def test_something_else_that_listens_there_is_unreachable(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(5)
        spec = changed(ssh_spec(node), port=other.getsockname()[1])
        other.close()
        error = refusal(spec)
    assert error.code == "node_unreachable"


def test_a_connection_that_broke_between_two_looks_is_made_anew(node: Node) -> None:
    with tcp_proxy(node.ssh_port) as proxy:
        transport = over_ssh(changed(ssh_spec(node), port=proxy.port))
        assert finished(transport, "anew", COUNT).stdout == "1\n"
        proxy.cut()
        assert finished(transport, "anew", COUNT).stdout == "1\n"
        assert proxy.connections == 2
        transport.close()


def test_a_connection_that_breaks_while_a_step_is_sent_leaves_one_step_or_none(node: Node) -> None:
    with tcp_proxy(node.ssh_port) as proxy:
        for sent in (2500, 4500, 6500, 8500):
            key = f"broken-{sent}"
            transport = over_ssh(changed(ssh_spec(node), port=proxy.port))
            proxy.cut_after = sent
            error = error_of(lambda using=transport, key=key: using.run("n1", key, COUNT))  # type: ignore[misc]
            assert (type(error), error.code) == (TransientError, "node_unreachable")
            transport.close()
            node.run("rm", "-f", "/count")
            again = over_ssh(ssh_spec(node))
            assert finished(again, key, COUNT).stdout == "1\n"
            again.close()


def test_a_connection_that_breaks_in_the_middle_of_a_file_leaves_the_old_one(node: Node) -> None:
    with tcp_proxy(node.ssh_port) as proxy:
        direct = over_ssh(ssh_spec(node))
        direct.upload_file("n1", "/tmp/kept", b"old")
        transport = over_ssh(changed(ssh_spec(node), port=proxy.port))
        proxy.cut_after = 200_000
        error = error_of(lambda: transport.upload_file("n1", "/tmp/kept", b"n" * (1 << 20)))
        assert (type(error), error.code) == (TransientError, "node_unreachable")
        wait_for(lambda: list(node.path("/tmp").iterdir()) == [node.path("/tmp/kept")], "the end of the writer", 20)
        assert direct.fetch_file("n1", "/tmp/kept") == b"old"
        for each in (transport, direct):
            each.close()


def test_a_connection_that_breaks_in_the_middle_of_a_stream_is_no_short_stream(node: Node) -> None:
    with tcp_proxy(node.ssh_port) as proxy:
        transport = over_ssh(changed(ssh_spec(node), port=proxy.port))

        def read() -> None:
            with transport.stream("n1", ("yes",)) as blobs:
                for _ in blobs:
                    proxy.cut()

        error = error_of(read)
        assert (type(error), error.code) == (TransientError, "node_unreachable")
        wait_for(lambda: "yes" not in node.command_lines(), "the end of the program", 20)
        transport.close()


def test_a_node_that_reboots_between_two_looks_of_one_transport_has_lost_the_step(node: Node) -> None:
    transport, command = over_ssh(ssh_spec(node)), Command(f"{HOLD}echo done\n")
    transport.run("n1", "reboot", command)
    wait_for(node.path(f"{STEPS}/reboot/out").exists, "the step's script", 20)
    node.reboot()
    assert error_of(lambda: finished(transport, "reboot", command)).code == "node_step_lost"
    node.write("/go", "")
    assert finished(transport, "reboot", command).stdout == "done\n"
    transport.close()


def test_cancelling_on_a_node_that_is_down_is_no_error_and_a_refusal_is_one(node: Node) -> None:
    transport = over_ssh(changed(ssh_spec(node), port=free_port()))
    transport.cancel("n1", "k")
    transport.close()
    node.set_sudo("none")
    transport = over_ssh(ssh_spec(node))
    assert error_of(lambda: transport.cancel("n1", "k")).code == "node_sudo_refused"
    transport.close()
