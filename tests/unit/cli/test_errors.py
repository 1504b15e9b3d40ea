"""The boundary: which exit code, which stream, which form."""

import subprocess
import sys
from pathlib import Path

import pytest

from builders.command_line import holdfast
from builders.services import services_with
from holdfast import __version__
from holdfast.cli.errors import guarded
from holdfast.errors import DamagedError, HoldfastError, InvalidInputError, PermanentError, RefusedError, TransientError

PROGRAM = (sys.executable, "-c", "from holdfast.cli.main import run; run()")


def raising(error: BaseException) -> int:
    def work() -> None:
        raise error

    return guarded(work, as_json=False)


@pytest.mark.parametrize(
    ("family", "code"),
    [(TransientError, 1), (PermanentError, 1), (DamagedError, 1), (InvalidInputError, 2), (RefusedError, 3)],
)
def test_the_family_decides_the_exit_code(
    family: type[HoldfastError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(family("some_code", "what happened", hint="what to do")) == code
    captured = capsys.readouterr()
    assert captured.err == "error[some_code]: what happened\nhint: what to do\n"
    assert captured.out == ""


def test_ctrl_c_ends_with_130_and_no_stack_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_an_unknown_exception_is_one_line_and_the_way_to_its_stack_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(ValueError("first\nsecond")) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error[unexpected]: ValueError: first"
    assert "--debug" in lines[1]


def test_debug_shows_the_stack_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise ValueError("deep")

    assert guarded(work, as_json=False, debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(PermissionError(13, "Permission denied", "/etc/x")) == 1
    assert capsys.readouterr().err.startswith("error[file_failed]: /etc/x: Permission denied")


def test_an_error_is_json_on_standard_error_when_json_was_asked_for() -> None:
    ended = holdfast("backup", "list", "nobody", "-o", "json", services=services_with())
    assert ended.code == 1
    assert ended.stdout == ""
    assert ended.error["code"] == "cluster_unknown"
    assert set(ended.error) == {"code", "family", "message", "hint"}


def test_wrong_usage_is_json_too() -> None:
    ended = holdfast("backup", "list", "--nonsense", "-o", "json")
    assert (ended.code, ended.error["code"], ended.error["family"]) == (2, "usage", "invalid")
    assert "--nonsense" in ended.error["message"]


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["backup", "list"], ["backup", "list", "a", "b"], ["-o", "yaml", "cluster", "list"], ["run"]],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    assert holdfast(*arguments).code == 2


def test_the_version_is_printed_and_nothing_else() -> None:
    assert holdfast("--version").stdout == f"holdfast {__version__}\n"


def test_no_command_is_usage_and_shows_the_commands() -> None:
    ended = holdfast()
    assert ended.code == 2
    assert "snapshot" in ended.stdout + ended.stderr


def test_a_reader_that_stops_reading_is_no_stack_trace(tmp_path: Path) -> None:
    with subprocess.Popen([*PROGRAM, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_help_loads_neither_boto3_nor_grpc() -> None:
    script = "import sys; from holdfast.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "holdfast.cli.main" in loaded
    assert loaded.isdisjoint({"boto3", "botocore", "grpc", "pydantic", "zstandard"})
