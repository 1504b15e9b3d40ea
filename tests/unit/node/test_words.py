"""What a step says while it runs, and what is kept of a program's words: say, aloud and last_lines, as steps have them
and as a person's shell does."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from holdfast import node

SHELLS = ("dash", "bash --posix", "busybox sh")
VENDOR = """echo begun
printf 'it says "no" to C:\\\\n\\n'
sleep 1
echo over >&2
exit 7
"""

every_shell = pytest.mark.parametrize("shell", SHELLS)


def ran(shell: str, folder: Path, functions: str, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "vendor").write_text(VENDOR)
    return subprocess.run(
        [*shlex.split(shell), "-c", functions + text], cwd=folder, capture_output=True, text=True, timeout=30
    )


@every_shell
def test_the_words_of_a_program_are_what_a_step_says_and_its_exit_code_stays(tmp_path: Path, shell: str) -> None:
    text = "aloud ./words sh ./vendor & sleep 0.5; cat ./saying; wait $!; echo ended $?\n"
    done = ran(shell, tmp_path, node.script("common"), text)
    assert done.stderr.splitlines() == ["begun", 'it says "no" to C:\\n', "ended 7"], done
    assert (tmp_path / "words").read_text().splitlines() == ["begun", 'it says "no" to C:\\n', "over"]
    assert (tmp_path / "saying").read_text() == (tmp_path / "words").read_text()


@every_shell
def test_words_of_our_own_are_said_instead_and_not_in_the_programs_file(tmp_path: Path, shell: str) -> None:
    text = "say first; aloud ./words sh ./vendor; say 'looking at the members'\n"
    ran(shell, tmp_path, node.script("common"), text)
    assert (tmp_path / "saying").read_text() == "looking at the members\n"
    assert (tmp_path / "words").read_text().splitlines()[-1] == "over"
    assert "first" not in (tmp_path / "words").read_text()


def test_a_step_that_can_write_no_words_goes_on(tmp_path: Path) -> None:
    (tmp_path / "saying.new").mkdir()
    done = ran("dash", tmp_path, node.script("common"), "say words; result '{}'\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{}\n", "")


@every_shell
def test_a_person_reads_the_programs_words_while_it_runs(tmp_path: Path, shell: str) -> None:
    text = "say 'now it begins'; aloud ./words sh ./vendor; echo ended $?\n"
    done = ran(shell, tmp_path, node.by_hand_functions(), text)
    assert done.stderr.splitlines() == ["now it begins", "begun", 'it says "no" to C:\\n', "over"]
    assert done.stdout == "ended 7\n"
    assert (tmp_path / "words").read_text().splitlines()[-1] == "over"


@every_shell
def test_the_last_twelve_lines_are_json_strings(tmp_path: Path, shell: str) -> None:
    lines = [*(f"line {number}" for number in range(20)), "", 'it says "no" to C:\\n', "\033[31mred\ttab", "x" * 500]
    (tmp_path / "words").write_text("\n".join(lines))
    done = ran(shell, tmp_path, node.script("openshift"), 'printf "[%s]" "$(last_lines ./words)"\n')
    said = json.loads(done.stdout)
    assert len(said) == 12
    assert said[-3:] == ['it says "no" to C:\\n', " [31mred tab", "x" * 300]
    assert said[0] == "line 11"


@every_shell
def test_of_a_program_that_said_nothing_there_are_no_lines(tmp_path: Path, shell: str) -> None:
    (tmp_path / "words").touch()
    assert ran(shell, tmp_path, node.script("openshift"), "last_lines ./words\n").stdout == ""


WAITS = """
limit_s=9 looks=0 said=stale
lacks() {
	looks=$((looks + 1))
	[ $looks -lt 4 ] || return 0
	[ $looks -eq 1 ] || said="$((looks / 2)) of 2 are ready"
	return 1
}
wait_for lacks && echo over
"""


@every_shell
def test_what_a_wait_still_lacks_is_said_and_nothing_older(tmp_path: Path, shell: str) -> None:
    functions = node.script("common") + node.script("restore")
    done = ran(shell, tmp_path, functions, WAITS.replace("echo over", "cat saying"))
    assert done.stderr.splitlines() == ["1 of 2 are ready"], done


@every_shell
def test_a_person_is_told_what_a_wait_lacks_once_and_not_every_second(tmp_path: Path, shell: str) -> None:
    done = ran(shell, tmp_path, node.by_hand_functions(), WAITS)
    assert (done.stdout, done.stderr) == ("over\n", "1 of 2 are ready\n")
