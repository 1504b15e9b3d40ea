"""The same scripts in a person's shell: after functions that are there once, each in a subshell."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from builders.restore_node import RestoreNode, variables
from holdfast import node as scripts
from holdfast.models.restore_reports import REPORTS
from holdfast.transports.steps import assignments

FOLDER = Path(scripts.__file__).parent / "restore"
NAMES = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.sh"))
# They fetch, are not part of a restore by hand, or have other words for a person: what they call is in common.sh.
NOT_BY_HAND = {"fetch", "fetch_bundle", "facts", "openshift/fetch", "openshift/fetch_bundle", "openshift/csr_round"}
BY_HAND = sorted(set(NAMES) - NOT_BY_HAND)
LONGEST = 60


def by_hand(node: RestoreNode, shell: str, script: str, **changes: str) -> subprocess.CompletedProcess[str]:
    program = node.program(script, **changes)
    values = assignments(program.values)
    text = f"{scripts.by_hand_functions()}\n(\n{values}{scripts.by_hand(script)})\necho still here $?\n"
    return subprocess.run(
        shlex.split(shell),
        input=text,
        env={"PATH": program.path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_every_script_has_a_report() -> None:
    assert sorted(REPORTS) == NAMES


@pytest.mark.parametrize("script", BY_HAND)
def test_a_script_is_short_and_can_be_pasted(script: str) -> None:
    text = scripts.by_hand(script)
    assert "\t" not in text
    assert "shellcheck" not in text
    assert len(text.splitlines()) <= LONGEST
    assert text.startswith("# ")
    assert variables(script)[0]


@pytest.mark.parametrize("script", BY_HAND)
def test_a_script_by_hand_calls_nothing_that_only_a_step_has(script: str) -> None:
    """The functions of common.sh and download.sh, and what common.sh sets."""
    functions = re.compile(r"^([a-z_0-9]+)\(\) \{", re.MULTILINE)
    only_steps = set(functions.findall(scripts.script("common") + scripts.script("download")))
    only_steps -= set(functions.findall(scripts.by_hand_functions()))
    code = re.sub(r'"[^"$]*"|#.*', "", scripts.by_hand(script) + scripts.by_hand_functions())
    code = re.sub(r"\b(failed|inactive|unknown) *[|)]", "", code)  # systemctl's words
    called = set(re.findall(r"(?:^|[;&|(!{]|\bif|\bthen|\bdo|\belse)\s*([a-z_0-9]+)\b(?!=)", code, re.MULTILINE))
    assert called & only_steps == set()


@pytest.mark.parametrize("script", sorted(set(NAMES)))
def test_a_script_uses_the_variables_that_its_header_names(script: str) -> None:
    """And each of them: in itself, or in the functions that are in front of it."""
    plain, secret = variables(script)
    parts = (f"restore/{script}", "restore", "containers", "download", "openshift", "openshift_restore")
    code = "\n".join(line for part in parts for line in scripts.script(part).splitlines() if not line.startswith("#"))
    assert [name for name in (*plain, *secret) if not re.search(rf"\b{name}\b", code)] == []


@pytest.mark.parametrize("shell", ["bash --norc", "dash", "busybox sh"])
def test_a_person_stops_and_starts_the_control_plane(tmp_path: Path, shell: str) -> None:
    node = RestoreNode(tmp_path / "node", "dash")
    path = subprocess.run(["sh", "-c", f"command -v {shell.split()[0]}"], capture_output=True, text=True, check=True)
    shell = f"{path.stdout.strip()} {' '.join(shell.split()[1:])}"
    done = by_hand(node, shell, "stop_pods")
    assert done.stdout.splitlines() == ['{"stopped":["etcd","kube-apiserver"]}', "still here 0"], done
    assert sorted(file.name for file in node.aside.iterdir()) == ["etcd.yaml", "kube-apiserver.yaml"]
    done = by_hand(node, shell, "start_pods")
    assert done.stdout.splitlines() == ['{"started":["etcd","kube-apiserver"]}', "still here 0"], done


def test_a_step_that_cannot_go_on_says_so_and_the_shell_stays(tmp_path: Path) -> None:
    node = RestoreNode(tmp_path / "node", "dash")
    done = by_hand(node, "/bin/bash --norc", "swap")
    assert done.stdout == "still here 1\n"
    assert done.stderr == f"STOP: restore_nothing_rebuilt: there is no {node.keep}/new\n"
