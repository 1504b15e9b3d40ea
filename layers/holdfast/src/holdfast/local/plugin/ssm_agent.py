"""The agent on a node: takes a command's script, runs it as root, and keeps the start of what it prints."""

import contextlib
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO, Self

from holdfast.local.plugin.ssm_nodes import ManagedNode

STDOUT_CHARS, STDERR_CHARS = 24_000, 8_000
CUT = "--output truncated--"
ENTER_S = 20
_KEEP = 'mkdir -p "${1%/*}" && umask 077 && cat >"$1"'


@dataclass(frozen=True)
class Outcome:
    """`code` is -1 for what never ended."""

    code: int = -1
    output: str = ""
    errors: str = ""


def deliver(node: ManagedNode, command_id: str, text: str) -> "Script | None":
    """Start the script on the node. None when the node cannot be entered: it is off."""
    # Where the real agent leaves the script, readable for root (amazon-ssm-agent, docmanager).
    path = (
        f"/var/lib/amazon/ssm/{node.instance}/document/orchestration/{command_id}"
        "/awsrunShellScript/0.awsrunShellScript/_script.sh"
    )
    return Script([*node.enter, "sh", path]) if _keep(node, path, text) else None


def _keep(node: ManagedNode, path: str, text: str) -> bool:
    command = [*node.enter, "sh", "-c", _KEEP, "sh", path]
    try:
        done = subprocess.run(  # noqa: S603 - on a registered node only
            command, input=text.encode(), capture_output=True, timeout=ENTER_S, env=_environment(), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class Script:
    """Leaving the block ends the script, as an agent does that ran out of time; sessions of their own go on."""

    def __init__(self, command: list[str]) -> None:
        with contextlib.ExitStack() as opened:
            self._out = opened.enter_context(tempfile.TemporaryFile())
            self._err = opened.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(  # noqa: S603 - on a registered node only
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                stderr=self._err,
                env=_environment(),
                start_new_session=True,
            )
            self._files = opened.pop_all()

    def outcome(self) -> Outcome | None:
        """None while the script runs, and for ever when the node lost power: who was to tell is gone too."""
        code = self._process.poll()
        if code is None or code < 0:
            return None
        return Outcome(code, _start_of(self._out, STDOUT_CHARS), _start_of(self._err, STDERR_CHARS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._files.close()


def _environment() -> dict[str, str]:
    """Nothing of LocalStack's but PATH and the mark by which `holdfast local down` finds processes."""
    kept = ("PATH", "HOLDFAST_LOCAL_STACK")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _start_of(file: IO[bytes], limit: int) -> str:
    file.seek(0)
    # Four bytes are the most that a character has.
    text = file.read(4 * limit + 1).decode(errors="replace")
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT
