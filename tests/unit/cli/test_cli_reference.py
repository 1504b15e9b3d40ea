"""docs/reference/cli.md says what the command line is: every command, every option, the keys of every JSON value."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from builders import changes
from builders.command_line import holdfast
from builders.csr_nodes import csr_services
from builders.doubled_restores import restorable
from builders.machine import BackupMachine
from builders.services import START, MemoryServices, client_secret, services_with
from holdfast.cli.main import app
from holdfast.cli.spec_file import load_cluster_spec
from holdfast.planning.naming import RUNBOOK, backup_key

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text()
ROW = re.compile(r"^\| `([a-z][a-z -]*)` \| (`[a-z_]+`(?:, `[a-z_]+`)*) \|$", re.MULTILINE)
KEYS = {command: set(re.findall(r"`([a-z_]+)`", keys)) for command, keys in ROW.findall(REFERENCE)}
LOCAL = {"local up", "local down", "local status", "demo"}


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        below = f"{path} {name}".strip()
        if hasattr(command, "commands"):
            yield from commands(command, below)
        else:
            yield below, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    assert {command.removesuffix(" --wait") for command in KEYS} == set(COMMANDS)


def options(parameters: list[Any]) -> set[str]:
    return {name for parameter in parameters for name in parameter.opts if name.startswith("--") and name != "--help"}


def test_every_option_is_named() -> None:
    root: Any = typer.main.get_command(app)
    known = options(root.params).union(*(options(command.params) for command in COMMANDS.values()))
    # `cluster apply --file` is written as -f, as in the usage at the top.
    assert {name for name in known - {"--file"} if name not in REFERENCE} == set()


def test_every_command_that_a_hint_or_a_page_names_exists() -> None:
    groups = {command.split()[0] for command in COMMANDS if " " in command}
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "template.yaml"]
    sources = [*(ROOT / "layers" / "holdfast" / "src").rglob("*.py"), *pages]
    named = {
        (f"{group} {command}", path.name)
        for path in sources
        for group, command in re.findall(r"\bholdfast ([a-z]+) ([a-z][a-z-]+)\b", path.read_text())
        if group in groups
    }
    assert len(named) > 40
    assert {(command, place) for command, place in named if command not in COMMANDS} == set()


def a_run_and_a_backup() -> tuple[MemoryServices, dict[str, str]]:
    services = services_with()
    outcome = BackupMachine(services).execute("prod-1", START + timedelta(hours=1))
    assert outcome.backup_id
    return services, {"RUN": outcome.run_id, "BACKUP": outcome.backup_id}


def a_restore(command: str) -> tuple[MemoryServices, dict[str, str]]:
    """Where the command makes sense: a run that waits for its approval, or that failed."""
    services, _, backup = restorable()
    services.bucket.put(backup_key("prod-1", backup, RUNBOOK), b"# By hand\n")
    if command.startswith("restore"):
        changes.begin(services)
        if command == "restore resume":
            changes.end(services, code="restore_disk_short", phase="Restore")
        else:
            changes.wait_for_approval(services)
    return services, {"RUN": changes.RUN, "BACKUP": backup}


ARGUMENTS = {
    "cluster apply": ["-f", str(ROOT / "docs" / "examples" / "cluster.yaml"), "--replace"],
    "cluster list": [],
    "cluster show": ["prod-1"],
    "cluster check": ["prod-1"],
    "cluster remove": ["prod-1"],
    "backup run": ["prod-1"],
    "backup list": ["prod-1"],
    "backup index": ["prod-1"],
    "backup hold": ["prod-1", "BACKUP", "--reason", "before the move"],
    "backup unhold": ["prod-1", "BACKUP"],
    "backup show": ["prod-1", "BACKUP"],
    "backup verify": ["prod-1", "latest"],
    "backup download": ["prod-1", "BACKUP", "DIR"],
    "backup signing-key": [],
    "restore plan": ["prod-1", "BACKUP", "--allow", "cluster_healthy"],
    "restore run": ["prod-1", "latest"],
    "restore status": ["RUN"],
    "restore approve": ["RUN", "--cluster-id", "prod-1"],
    "restore abort": ["RUN"],
    "restore resume": ["RUN"],
    "retention plan": ["prod-1"],
    "retention apply": ["prod-1", "--yes"],
    "retention accept": ["prod-1", "latest"],
    "member status": ["prod-1"],
    "member replace": ["prod-1", "n3"],
    "csr list": ["prod-1"],
    "csr approve": ["prod-1"],
    "runbook": ["prod-1", "BACKUP"],
    "freshness": [],
    "run list": ["prod-1"],
    "run show": ["RUN"],
    "run watch": ["RUN"],
    "snapshot inspect": [str(ROOT / "tests" / "data" / "kubeadm-b.db.zst")],
}


@pytest.mark.parametrize("command", sorted({command for command in KEYS if not command.endswith(" --wait")} - LOCAL))
def test_the_keys_of_every_json_value_are_those_of_the_table(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    restores = command.split()[0] in ("restore", "member", "runbook")
    services, names = a_restore(command) if restores else a_run_and_a_backup()
    if command.startswith("csr"):
        services = csr_services()
    if command == "cluster apply":
        spec = load_cluster_spec(ROOT / "docs" / "examples" / "cluster.yaml")
        assert spec.transport.kind == "etcd"
        services.credentials.put(spec.transport.credentials, client_secret())
    if command == "freshness":
        services.clock.advance(timedelta(hours=2))
    names["DIR"] = str(tmp_path)
    arguments = [names.get(argument, argument) for argument in ARGUMENTS[command]]
    ended = holdfast(*command.split(), *arguments, "-o", "json", services=services)
    assert ended.code == 0, ended.stderr
    assert set(ended.value) == KEYS[command]


def test_the_table_was_read() -> None:
    assert KEYS["backup show"] == {"manifest", "signature", "copy", "verification", "damage", "hold", "locks"}
    assert KEYS["restore plan"] == {"plan", "digest", "refused", "scripts"}
    assert len(KEYS) > 30
