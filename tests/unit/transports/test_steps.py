"""The protocol of steps, run for real under the shells that nodes have: node/step.sh and its answers."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from builders.waiting import wait_for
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.command import STDERR_LIMIT, STDOUT_LIMIT, Command, CommandResult
from holdfast.transports.base import Running
from holdfast.transports.ssm.sealing import seal
from holdfast.transports.steps import Sealed, assignments, cancel_text, key_text, read_key, read_step, start_text

SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh"), "bash": ("bash", "--posix")}
SECRET = "https://bucket/part?X-Amz-Signature=5ecre7"
DAY_S = 86_400


@dataclass
class Node:
    """This machine as a node: a shell that is given texts, and a directory for steps."""

    shell: tuple[str, ...]
    steps: Path

    def begin(self, text: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(self.shell, text=True, errors="surrogateescape", **pipes)  # type: ignore[call-overload]
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        return process  # type: ignore[no-any-return]

    def say(self, text: str) -> str:
        with self.begin(text) as process:
            stdout, stderr = process.communicate(timeout=60)
        assert stderr == ""
        return stdout

    def run(self, key: str, command: Command, *, wait: bool = False, grace_s: int = 10) -> Running | CommandResult:
        text = f"grace_s={grace_s}\n" + start_text(key, command, steps=str(self.steps), wait=wait)
        return read_step("n1", self.say(text))

    def finish(self, key: str, command: Command) -> CommandResult:
        found = self.run(key, command, wait=True)
        assert isinstance(found, CommandResult)
        return found

    def cancel(self, key: str) -> None:
        assert '"state":"none"' in self.say(cancel_text(key, steps=str(self.steps)))

    def session(self, key: str) -> int:
        """The process id of the step's session, once it is noted."""
        file = self.steps / key / "process"
        wait_for(file.exists, "the step's process")
        return int(file.read_text().split()[0])

    def end_all(self) -> None:
        for file in self.steps.glob("*/process"):
            try:
                os.killpg(int(file.read_text().split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.fixture(params=sorted(SHELLS))
def node(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def] # noqa: ANN201
    node = Node(SHELLS[request.param], tmp_path / "var" / "steps")
    yield node
    node.end_all()


def waits(tmp_path: Path, more: str = "") -> Command:
    """A step that runs until it is ended; its trap leaves a mark."""
    script = f"""trap 'echo mark >"$folder/trapped"; exit 143' TERM
{more}
echo begun >>"$folder/begun"
while :; do sleep 1; done
"""
    return Command(script, {"folder": str(tmp_path)}, timeout_s=60)


def begun(tmp_path: Path) -> list[str]:
    file = tmp_path / "begun"
    wait_for(file.exists, "the step")
    return file.read_text().splitlines()


def processes_of(session: int) -> list[str]:
    return [stat.parent.name for stat in Path("/proc").glob("[0-9]*/stat") if _session(stat) == session]


def _session(stat: Path) -> int:
    try:
        state, *rest = stat.read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if state == "Z" else int(rest[2])


def test_a_step_is_run_once_and_found_again(node: Node, tmp_path: Path) -> None:
    command = Command(
        'echo "$what" >>"$folder/ran"; echo out; echo err >&2; exit 3', {"what": "it's\n$x", "folder": str(tmp_path)}
    )
    results = [node.finish("s", command) for _ in range(2)]
    assert results == [CommandResult(3, "out\n", "err")] * 2
    assert (tmp_path / "ran").read_text() == "it's\n$x\n"


def test_of_many_starts_at_once_exactly_one_runs(node: Node, tmp_path: Path) -> None:
    command = Command('echo ran >>"$folder/ran"; sleep 1', {"folder": str(tmp_path)})
    text = start_text("s", command, steps=str(node.steps), wait=True)
    started = [node.begin(text) for _ in range(6)]
    answers = [process.communicate(timeout=60)[0] for process in started]
    assert [read_step("n1", answer) for answer in answers] == [CommandResult(0, "", "")] * 6
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_a_step_outlives_who_started_it_and_tells_how_far_it_is(node: Node, tmp_path: Path) -> None:
    command = waits(tmp_path, "echo 5 100 >progress")
    assert isinstance(node.run("s", command), Running)
    begun(tmp_path)
    assert node.run("s", command) == Running(done=5, total=100)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("one\\ntwo\\n", "two"),
        ("one\\nnot ended", "not ended"),
        ("one\\n\\n   \\n", "one"),
        ("\\t a tab\\there\\n", "  a tab here"),
        ("10%%\\r20%%\\r30%%\\r", "30%"),
        ('say \\042no\\042 to C:\\134 and {"state":"lost"}', 'say "no" to C:\\ and {"state":"lost"}'),
        ("\\033[31mred\\n", "?[31mred"),
        ("", ""),
    ],
)
def test_what_a_step_said_last_is_told_while_it_runs(node: Node, tmp_path: Path, written: str, told: str) -> None:
    command = waits(tmp_path, f"printf '{written}' >saying")
    node.run("s", command)
    begun(tmp_path)
    assert node.run("s", command) == Running(said=told)


def test_a_program_that_writes_long_lines_without_end_is_told_in_200_characters(node: Node, tmp_path: Path) -> None:
    command = waits(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x >words; ln -s words saying")
    node.run("s", command)
    begun(tmp_path)
    assert node.run("s", command) == Running(said="x" * 200)


def test_what_an_ended_step_said_is_not_told(node: Node) -> None:
    assert node.finish("s", Command("echo words >saying; echo out")) == CommandResult(0, "out\n", "")


def test_a_step_whose_processes_are_gone_is_lost_and_starts_anew(node: Node, tmp_path: Path) -> None:
    """As after a reboot, or the kernel's out-of-memory killer; what it left elsewhere goes."""
    command = waits(tmp_path, 'echo "$folder/left.db" >leftovers; : >"$folder/left.db"')
    node.run("s", command)
    begun(tmp_path)
    os.killpg(node.session("s"), signal.SIGKILL)
    wait_for(lambda: not processes_of(node.session("s")), "the end of the session")
    with pytest.raises(TransientError) as error:
        node.run("s", command)
    assert error.value.code == "node_step_lost"
    assert not (tmp_path / "left.db").exists()
    assert isinstance(node.run("s", command), Running)
    wait_for(lambda: len(begun(tmp_path)) == 2, "the second run")


@pytest.mark.parametrize("field", [1, 2], ids=["another process of that number", "another boot"])
def test_a_process_that_is_not_the_one_that_was_started_is_not_taken_for_it(
    node: Node, tmp_path: Path, field: int
) -> None:
    command = waits(tmp_path)
    node.run("s", command)
    begun(tmp_path)
    noted = (node.steps / "s" / "process").read_text().split()
    changed = [*noted]
    changed[field] = "1"
    (node.steps / "s" / "process").write_text(" ".join(changed) + "\n")
    with pytest.raises(TransientError) as error:
        node.run("s", command)
    os.killpg(int(noted[0]), signal.SIGKILL)
    assert error.value.code == "node_step_lost"


def test_a_step_that_just_began_is_under_way_though_nothing_is_noted_yet(node: Node) -> None:
    (node.steps / "s").mkdir(parents=True)
    assert node.run("s", Command("exit 0")) == Running()
    hour_ago = time.time() - 3600
    os.utime(node.steps / "s", (hour_ago, hour_ago))
    with pytest.raises(TransientError):
        node.run("s", Command("exit 0"))


def test_a_script_that_is_killed_ends_with_that_and_leaves_nothing(node: Node, tmp_path: Path) -> None:
    script = 'echo "$folder/left.db" >leftovers; : >"$folder/left.db"; mkdir work; kill -9 $$'
    result = node.finish("s", Command(script, {"folder": str(tmp_path)}))
    assert result.exit_code == 137
    assert not (tmp_path / "left.db").exists()
    assert not (node.steps / "s" / "work").exists()


def test_the_time_limit_ends_a_step_by_way_of_its_own_trap(node: Node, tmp_path: Path) -> None:
    command = waits(tmp_path)
    found = node.run("s", Command(command.script, command.values, timeout_s=1), wait=True, grace_s=1)
    assert isinstance(found, CommandResult)
    assert found.exit_code == 124
    assert (tmp_path / "trapped").exists()
    wait_for(lambda: not processes_of(node.session("s")), "the end of the session")


def test_the_time_limit_ends_a_step_that_hears_no_signal(node: Node, tmp_path: Path) -> None:
    script = """trap '' TERM
echo "$folder/left.db" >leftovers
: >"$folder/left.db"
mkdir work
while :; do sleep 1; done"""
    found = node.run("s", Command(script, {"folder": str(tmp_path)}, timeout_s=1), wait=True, grace_s=1)
    assert isinstance(found, CommandResult)
    assert found.exit_code == 124
    assert not (tmp_path / "left.db").exists()
    assert not (node.steps / "s" / "work").exists()
    wait_for(lambda: not processes_of(node.session("s")), "the end of the session")


def test_cancelling_runs_the_scripts_trap_and_removes_everything(node: Node, tmp_path: Path) -> None:
    node.run("s", waits(tmp_path, 'echo "$folder/left.db" >leftovers; : >"$folder/left.db"'))
    begun(tmp_path)
    session = node.session("s")
    node.cancel("s")
    assert (tmp_path / "trapped").exists()
    assert not (tmp_path / "left.db").exists()
    assert list(node.steps.iterdir()) == []
    wait_for(lambda: not processes_of(session), "the end of the session")


def test_cancelling_what_is_over_or_never_was_is_no_error(node: Node) -> None:
    node.finish("s", Command("echo x"))
    node.cancel("s")
    node.cancel("never")
    assert list(node.steps.iterdir()) == []


def test_output_keeps_its_beginning_and_errors_their_end(node: Node) -> None:
    script = """awk 'BEGIN {
    for (i = 0; i < 4000; i++) { printf "out%05d\\n", i; printf "err%05d\\n", i >"/dev/stderr" }
}'"""
    result = node.finish("s", Command(script))
    assert (len(result.stdout), result.stdout[:9], result.truncated) == (STDOUT_LIMIT, "out00000\n", True)
    assert result.stderr.endswith("err03999")
    assert STDERR_LIMIT - 1 <= len(result.stderr) <= STDERR_LIMIT


def test_output_that_is_exactly_as_long_as_it_may_be_is_whole(node: Node) -> None:
    script = f"awk 'BEGIN {{ for (i = 0; i < {STDOUT_LIMIT}; i++) printf \"x\" }}'; echo last >&2"
    assert node.finish("s", Command(script)) == CommandResult(0, "x" * STDOUT_LIMIT, "last")


def test_what_is_not_ascii_becomes_question_marks_of_the_same_number(node: Node) -> None:
    result = node.finish("s", Command(r"""printf 'caf\303\251\000\033[1m\r\ntab\tend\n\n'"""))
    assert result.stdout == "caf???" + "?[1m?\ntab\tend\n\n"
    assert not result.truncated


def test_secrets_reach_the_script_and_nothing_else(node: Node, tmp_path: Path) -> None:
    script = """. ./secrets
echo "${#url}"
grep -la "X-Amz-Signature" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null >"$folder/seen"
exit 0"""
    command = Command(script, {"folder": str(tmp_path)}, {"url": SecretStr(SECRET)})
    assert node.finish("s", command).stdout == f"{len(SECRET)}\n"
    assert (tmp_path / "seen").read_text() == ""
    assert not [file for file in node.steps.rglob("*") if file.is_file() and SECRET in file.read_text()]
    assert {file.stat().st_mode & 0o077 for file in node.steps.rglob("*")} == {0}


def openssl_sealed(folder: Path, public_key: str, text: str) -> Sealed:
    """What transports/ssm/sealing.py does, by openssl's own hand."""
    pem = folder / "public.pem"
    pem.write_text(f"-----BEGIN PUBLIC KEY-----\n{public_key}\n-----END PUBLIC KEY-----\n")
    password = folder / "password"
    password.write_text("a password")
    oaep = ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256")
    sealing = f"openssl pkeyutl -encrypt -pubin -inkey {pem} -in {password} {' '.join(oaep)} | base64 -w 0"
    packing = f"openssl enc -aes-256-cbc -md sha256 -pbkdf2 -iter 10000 -pass file:{password} | base64 -w 0"
    run = [
        subprocess.run(["sh", "-c", each], input=text, text=True, capture_output=True, check=True).stdout
        for each in (sealing, packing)
    ]
    return Sealed(password=run[0], data=run[1])


@pytest.mark.parametrize("by", ["us", "openssl"])
def test_secrets_that_were_sealed_are_opened_on_the_node_alone(node: Node, tmp_path: Path, by: str) -> None:
    key = read_key("n1", node.say(key_text("s", steps=str(node.steps))))
    assert isinstance(key, str)
    assert read_key("n1", node.say(key_text("s", steps=str(node.steps)))) == key
    values = {"url": SecretStr(SECRET), "other": SecretStr("it's\nÃ©")}
    plain = assignments({name: value.get_secret_value() for name, value in values.items()})
    sealed = seal("n1", values, key) if by == "us" else openssl_sealed(tmp_path, key, plain)
    command = Command('. ./secrets; echo "${#url}"; printf "%s" "$other" | wc -l', secrets=values)
    text = start_text("s", command, steps=str(node.steps), wait=True, sealed=sealed)
    assert "X-Amz-Signature" not in text
    result = read_step("n1", node.say(text))
    assert isinstance(result, CommandResult)
    assert result.stdout.split() == [str(len(SECRET)), "1"]
    assert {path.name for path in node.steps.iterdir()} == {"s"}
    assert not {"secrets", "sealed", "sealed_pass", "pass"} & {path.name for path in (node.steps / "s").iterdir()}
    assert read_key("n1", node.say(key_text("s", steps=str(node.steps)))) == result


def test_what_was_sealed_for_another_key_is_told_and_leaves_no_step(node: Node) -> None:
    keys = [read_key("n1", node.say(key_text(name, steps=str(node.steps)))) for name in ("s", "t")]
    sealed = seal("n1", {"url": SecretStr(SECRET)}, str(keys[1]))
    with pytest.raises(PermanentError) as error:
        read_step("n1", node.say(start_text("s", Command("exit 0"), steps=str(node.steps), sealed=sealed)))
    assert error.value.code == "node_unseal_failed"
    assert not (node.steps / "s").exists()


def test_steps_that_nobody_asked_about_for_two_days_are_removed(node: Node, tmp_path: Path) -> None:
    node.finish("old", Command("exit 0"))
    node.finish("young", Command("exit 0"))
    node.run("busy", waits(tmp_path))
    begun(tmp_path)
    node.say(key_text("asked", steps=str(node.steps)))
    for key, days in (("old", 3), ("busy", 3), ("young", 1), ("asked.key", 3)):
        when = time.time() - days * DAY_S
        os.utime(node.steps / key, (when, when))
    node.finish("new", Command("exit 0"))
    assert {path.name for path in node.steps.iterdir()} == {"young", "busy", "new"}


def test_a_directory_that_cannot_be_made_is_told(node: Node) -> None:
    node.steps.parent.mkdir()
    node.steps.write_text("a file")
    with pytest.raises(HoldfastError) as error:
        node.run("s", Command("exit 0"))
    assert error.value.code == "node_work_dir"


@pytest.mark.parametrize(
    "answer", ["", "Welcome to n1!\n", '{"holdfast":"other"}\n', "[]\n", '{"holdfast":"step","state":"none"}\n']
)
def test_an_answer_that_is_none_of_ours_is_not_shown(answer: str) -> None:
    with pytest.raises(PermanentError) as error:
        read_step("n1", answer)
    assert error.value.code == "node_output_unreadable"
    assert "Welcome" not in error.value.message


@pytest.mark.parametrize(("name", "value"), [("Path", "x"), ("a b", "x"), ("a", "x\0y"), ("a=b", "x")])
def test_a_variable_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="no variable"):
        assignments({name: value})


@pytest.mark.parametrize("name", ["snapshot", "bundle"])
def test_the_largest_texts_fit_into_a_document_of_systems_manager(name: str) -> None:
    from holdfast import node as scripts

    command = Command(scripts.program(name), {"paths": "/etc/kubernetes/pki\n" * 100})
    text = start_text("k" * 150, command, sealed=Sealed(password="A" * 344, data="A" * 8000))
    assert len(text) < 48 * 1024


@pytest.mark.parametrize("ends", ["it is cancelled", "its time is over", "it ends by itself"])
def test_a_program_in_a_process_group_of_its_own_ends_with_its_step(node: Node, tmp_path: Path, ends: str) -> None:
    """As timeout(1) makes one for what it runs: a vendor's script must not go on beside the next attempt."""
    last = "exit 0" if ends == "it ends by itself" else "wait"
    timeout_s = 2 if ends == "its time is over" else 60
    script = f"timeout 50 sh -c \"echo begun >>'$folder/begun'; sleep 49\" & sleep 1; {last}"
    command = Command(script, {"folder": str(tmp_path)}, timeout_s=timeout_s)
    node.run("s", command, grace_s=1)
    begun(tmp_path)
    session = node.session("s")
    if ends == "it is cancelled":
        node.cancel("s")
    wait_for(lambda: not processes_of(session), "the end of all of it", 15)
