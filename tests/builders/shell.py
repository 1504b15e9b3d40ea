"""The programs for nodes, run here: under one shell, with the tools that a test wants the node to have."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from holdfast import node
from holdfast.models.command import Command
from holdfast.transports.steps import assignments

Shell = Literal["dash", "busybox", "bash"]
# What the programs call. A busybox node has its own form of all but curl and zstd.
POSIX_TOOLS = (
    *("awk", "base64", "cat", "cut", "date", "dd", "df", "du", "env", "find", "grep", "gzip", "head", "kill", "md5sum"),
    *("mkdir", "mkfifo", "mv", "od", "printf", "readlink", "rm", "sed", "sha256sum", "sleep", "sort", "tail", "tar"),
    *("tee", "tr", "wc", "nice", "setsid", "sh"),
    *("chmod", "chown", "cp", "dirname", "ln", "ls", "mktemp", "rmdir", "stat", "sync", "uname"),
)
OTHER_TOOLS = ("curl", "zstd")
# Nobody's /etc/environment shall decide how a test ends, and no retry shall make it wait.
QUICK = {"environment_file": "/nowhere", "retry_pause_s": "0", "renew_pause_s": "1"}


def toolbox(folder: Path, shell: Shell, *, without: Iterable[str] = (), stubs: Mapping[str, str] | None = None) -> str:
    """A PATH of these tools alone; `stubs` are sh scripts under the names of tools, in front of the real ones."""
    folder.mkdir()
    if shell == "busybox" and (stubs or without) and _prefers_itself():
        pytest.skip("this busybox runs its own tools whatever the PATH says (busybox-static does; install busybox)")
    wanted = [name for name in (*POSIX_TOOLS, *OTHER_TOOLS) if name not in {*without, *(stubs or {})}]
    for name in wanted:
        source = "busybox" if shell == "busybox" and name in POSIX_TOOLS else name
        real = shutil.which("dash" if name == "sh" and source != "busybox" else source)
        assert real, f"{source} is not installed"
        (folder / name).symlink_to(real)
    for name, text in (stubs or {}).items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
    return str(folder)


@cache
def _prefers_itself() -> bool:
    """Whether it was built with FEATURE_SH_STANDALONE: what a PATH lacks, it has all the same."""
    said = subprocess.run(
        ["busybox", "sh", "-c", "PATH=/nowhere; md5sum </dev/null"], capture_output=True, check=False, timeout=10
    )
    return said.returncode == 0


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code, the object that it printed, and what it said by the way."""

    exit_code: int
    report: dict[str, Any]
    stderr: str

    @property
    def code(self) -> str:
        assert self.exit_code == 1, f"exit code {self.exit_code}: {self.report} {self.stderr}"
        return str(self.report["code"])


@dataclass
class NodeProgram:
    """One program on one node: a working directory, a shell, a PATH, variables and secrets."""

    name: str
    folder: Path
    shell: Shell
    path: str
    values: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> Command:
        secrets = {name: SecretStr(value) for name, value in self.secrets.items()}
        return Command(node.program(self.name), {**QUICK, **self.values}, secrets, timeout_s=60)

    def start(self, *prefix: str) -> subprocess.Popen[str]:
        """In a session of its own, as step.sh starts it."""
        self.folder.mkdir(exist_ok=True, mode=0o700)
        (self.folder / "script").write_text(assignments(self.command.values) + self.command.script)
        (self.folder / "secrets").write_text(assignments(self.secrets))
        shell = ("busybox", "sh") if self.shell == "busybox" else (self.shell,)
        return subprocess.Popen(
            [*prefix, str(shutil.which(shell[0])), *shell[1:], "./script"],
            cwd=self.folder,
            env={"PATH": self.path, "HOME": os.environ.get("HOME", "/"), **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *prefix: str) -> Ended:
        with self.start(*prefix) as process:
            stdout, stderr = process.communicate(timeout=120)
        lines = stdout.splitlines()
        assert len(lines) == 1, f"{len(lines)} lines on standard output: {stdout!r} {stderr!r}"
        return Ended(process.returncode, json.loads(lines[0]), stderr)

    def left(self) -> set[str]:
        """What is in the working directory beside what the step's own protocol puts there."""
        return {path.name for path in self.folder.iterdir()} - {"script", "leftovers", "progress"}
