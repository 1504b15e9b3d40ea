"""Somebody who follows a runbook to the letter: each block as it stands, in its order, on the nodes that it names."""

import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_WHERE = re.compile(r"# on (?:each of )?(?P<nodes>.+), as root\n")
_LIMIT_S = 900
# `root@NODE` of the page is a user who may sudo; the page says: by scp, or by any other way.
_SSH = """#!/bin/sh
printf '%s\\n' "$3" | {ssh} "${{2#root@}}" sudo -n sh
"""
_SCP = """#!/bin/sh
shift
for to; do :; done
to=${{to#root@}}
for each; do
    case $each in root@*) continue ;; esac
    {ssh} "${{to%%:*}}" "sudo -n sh -c 'umask 077; cat >${{to#*:}}$each'" <"$each" || exit
done
"""


@dataclass(frozen=True)
class RunbookReader:
    """`page` is Markdown; `folder` is the home of the machine with `aws`, whose credentials `environment` has."""

    page: str
    folder: Path
    ssh_config: Path
    environment: dict[str, str]

    def part(self, first: str, last: str) -> str:
        """From one heading to the next one that is named."""
        return self.page[self.page.index(f"\n{first}\n") : self.page.index(f"\n{last}\n")]

    def prepare(self) -> str:
        """All blocks pasted into one terminal; what it shows."""
        programs = self.folder / "bin"
        programs.mkdir()
        ssh = shlex.join([*self._ssh])
        for name, text in {"ssh": _SSH, "scp": _SCP}.items():
            (programs / name).write_text(text.format(ssh=ssh))
            (programs / name).chmod(0o755)
        (self.folder / "runbook.md").write_text(self.page)
        blocks = _BLOCK.findall(self.part("## Prepare", "## Shutdown"))
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        home = {"HOME": str(self.folder), "PATH": path}
        shell = subprocess.run(
            ["sh", "-eu"], input="".join(blocks), cwd=self.folder, env=os.environ | self.environment | home,
            capture_output=True, text=True, timeout=_LIMIT_S, check=False,
        )  # fmt: skip
        assert shell.returncode == 0, shell.stderr
        return shell.stdout

    def steps(self) -> dict[str, dict[str, Any]]:
        """Every step from the first to the last: what each node said, by the step's name."""
        text = self.part("## Shutdown", "## Going back").split("\n## Nodes that lost their files\n")[0]
        said = {}
        for section in re.split(r"^### \d+\. ", text, flags=re.MULTILINE)[1:]:
            name = section.partition("\n")[0]
            orders = [(node, block) for block in _BLOCK.findall(section) for node in _nodes(block)]
            assert orders, name
            workers = 1 if "one after the other" in section else len(orders)
            with ThreadPoolExecutor(workers) as terminals:
                said[name] = dict(terminals.map(lambda order: self._paste(*order), orders))
        return said

    def _paste(self, node: str, block: str) -> tuple[str, Any]:
        command = [*self._ssh, node, "sudo -n sh"]
        shell = subprocess.run(command, input=block, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        assert "STOP" not in shell.stdout + shell.stderr, f"{node}: {shell.stdout}{shell.stderr}\n{block}"
        return node, json.loads(shell.stdout.splitlines()[-1])

    @property
    def _ssh(self) -> tuple[str, ...]:
        return ("/usr/bin/ssh", "-F", str(self.ssh_config))


def _nodes(block: str) -> list[str]:
    where = _WHERE.match(block)
    assert where, block
    return where["nodes"].split(", ")
