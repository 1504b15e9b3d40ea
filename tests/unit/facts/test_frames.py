"""The sections that a node's script prints."""

import base64
import gzip

import pytest

from builders.frames import captured, printed
from holdfast.errors import PermanentError
from holdfast.facts.frames import LARGEST_BYTES, sections
from holdfast.models.command import CommandResult

NAME = "holdfast-survey-1"


def code_of(result: CommandResult) -> str:
    with pytest.raises(PermanentError) as caught:
        sections("n1: survey", NAME, result)
    assert "n1: survey" in caught.value.message
    return caught.value.code


@pytest.mark.parametrize("packed", [True, False])
def test_sections_come_back_as_they_were(packed: bool) -> None:
    told = {"about": "a=1\n", "manifest /etc/x y": "== about 3\nabc\n", "empty": ""}
    assert sections("n1", NAME, printed(NAME, told, packed=packed)) == told


def test_what_a_node_printed_can_be_read() -> None:
    found = sections("n1", NAME, captured("kubeadm-1.20-stacked"))
    assert found["about"].startswith("hostname=n1\n")
    assert "manifest /etc/kubernetes/manifests/etcd.yaml" in found


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kept", [30, 60, 90])
def test_an_output_without_its_end_is_truncated(packed: bool, kept: int) -> None:
    whole = printed(NAME, {"about": "hostname=n1\n" * 200}, packed=packed).stdout
    assert code_of(CommandResult(0, whole[: len(whole) * kept // 100])) == "node_output_truncated"


def test_a_transport_that_says_so_is_believed() -> None:
    whole = printed(NAME, {"about": "a=1\n"}).stdout
    assert code_of(CommandResult(0, whole, truncated=True)) == "node_output_truncated"


def test_an_output_of_another_program_is_unreadable() -> None:
    assert code_of(CommandResult(0, "Welcome to Debian\n")) == "node_output_unreadable"
    assert code_of(printed("holdfast-survey-2", {"about": ""})) == "node_output_unreadable"


def test_a_section_that_lies_about_its_length_is_unreadable() -> None:
    body = "== about 2\nabc\n"
    assert code_of(CommandResult(0, f"{NAME} plain {len(body)}\n{body}")) == "node_output_unreadable"


def test_a_small_text_that_unpacks_to_much_is_unreadable() -> None:
    line = base64.b64encode(gzip.compress(b"a" * (LARGEST_BYTES + 1))).decode()
    assert code_of(CommandResult(0, f"{NAME} gzip 9\n{line}\n")) == "node_output_unreadable"


@pytest.mark.parametrize(("exit_code", "said"), [(1, "exit code 1: no such thing"), (124, "took too long")])
def test_a_script_that_failed_is_told_with_its_words(exit_code: int, said: str) -> None:
    with pytest.raises(PermanentError, match=said) as caught:
        sections("n1: survey", NAME, CommandResult(exit_code, "", "no such\nthing"))
    assert caught.value.code == "node_command_failed"
