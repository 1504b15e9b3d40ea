"""Steps as text: what a node's shell is given to start, find or cancel one, and what its answer means.

The protocol is node/step.sh. Every value is quoted here and nowhere else.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from holdfast import node
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.models.base import StoredModel
from holdfast.models.command import STDERR_LIMIT, STDOUT_LIMIT, Command, CommandResult
from holdfast.models.words import Words, plain
from holdfast.transports.base import Running

STEPS = "/var/lib/holdfast/steps"
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
# What to do about the codes that node/step.sh itself gives up with.
_HINTS = {
    "node_tool_missing": "Install openssl 1.1.1 or newer there, or reach the node over ssh, which needs none.",
    "node_unseal_failed": "It takes openssl 1.1.1 or newer: see `openssl version` there. Nothing was started.",
    "node_work_dir": f"Look at the disk and the mount options of {STEPS.rpartition('/')[0]} there.",
}


@dataclass(frozen=True)
class Sealed:
    """Secrets for the node's own key, both base64: the password for `data`, encrypted with the key, and `data`."""

    password: str
    data: str


class _Answer(StoredModel):
    holdfast: Literal["step"]
    state: Literal["running", "finished", "lost", "none", "key", "failed"]
    exit_code: int = 0
    done: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=0)] = 0
    said: Words = ""
    stdout_bytes: Annotated[int, Field(ge=0)] = 0
    stderr_bytes: Annotated[int, Field(ge=0)] = 0
    public_key: str = ""
    code: str = ""
    message: str = ""


def start_text(
    key: str, command: Command, *, steps: str = STEPS, wait: bool = False, sealed: Sealed | None = None
) -> str:
    """Start the step or find it. `wait` stays until it ended; `sealed` stands for the command's secrets."""
    body = assignments(command.values) + command.script
    secrets = "" if sealed else assignments({name: each.get_secret_value() for name, each in command.secrets.items()})
    values = {"body": body, "secrets": secrets, "timeout_s": str(command.timeout_s), "wait": str(int(wait))}
    if sealed:
        values |= {"sealed": sealed.data, "sealed_pass": sealed.password}
    return _text("start", key, steps, values)


def cancel_text(key: str, *, steps: str = STEPS) -> str:
    return _text("cancel", key, steps, {})


def key_text(key: str, *, steps: str = STEPS) -> str:
    """Have the node make a key for the step's secrets; or tell the step's state when it was started already."""
    return _text("key", key, steps, {})


def _text(action: str, key: str, steps: str, values: Mapping[str, str]) -> str:
    fixed = {
        "action": action,
        "steps": steps,
        "key": key,
        "limit": str(STDOUT_LIMIT),
        "err_limit": str(STDERR_LIMIT),
    }
    return assignments({**fixed, **values}) + node.script("step")


def assignments(values: Mapping[str, str]) -> str:
    """Shell assignments, one per line, each value quoted."""
    for name, value in values.items():
        if not _NAME.fullmatch(name) or "\0" in value:
            raise ValueError(f"{name!r} is no variable of a shell script")
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def read_step(where: str, output: str) -> Running | CommandResult:
    """What `start_text` answered. TransientError `node_step_lost`, the errors that step.sh gives up with, and
    PermanentError `node_output_unreadable` for anything that is no answer."""
    answer, rest = _answer(where, output)
    if answer.state == "running":
        return Running(done=answer.done, total=answer.total, said=answer.said)
    if answer.state == "finished":
        return _result(answer, rest)
    if answer.state == "lost":
        raise TransientError(
            "node_step_lost",
            f"{where}: the step was started and its process is gone; the node was rebooted, or it was killed",
            hint="It is started anew.",
        )
    raise _unreadable(where, output)


def read_key(where: str, output: str) -> str | Running | CommandResult:
    """What `key_text` answered: the public key (base64 DER), or the state of a step that was started already."""
    answer, _ = _answer(where, output)
    return answer.public_key if answer.state == "key" else read_step(where, output)


def _answer(where: str, output: str) -> tuple[_Answer, str]:
    line, _, rest = output.partition("\n")
    try:
        answer = _Answer.model_validate_json(line)
    except (ValueError, ValidationError):
        raise _unreadable(where, output) from None
    if answer.state == "failed":
        raise PermanentError(answer.code, f"{where}: {plain(answer.message)}", hint=_HINTS.get(answer.code, ""))
    return answer, rest


def _result(answer: _Answer, rest: str) -> CommandResult:
    sent = min(answer.stdout_bytes, STDOUT_LIMIT)
    return CommandResult(
        exit_code=answer.exit_code,
        stdout=rest[:sent],
        stderr=rest[sent + 1 :].rstrip("\n"),
        truncated=len(rest) < sent or answer.stdout_bytes > sent,
    )


def _unreadable(where: str, output: str) -> HoldfastError:
    """The text is not shown: it may be anything that a shell on the node printed."""
    return PermanentError(
        "node_output_unreadable",
        f"{where}: the node's answer is not one of ours ({len(output)} characters)",
        hint="A login script that prints something, or a shell that is no POSIX shell, is the usual reason.",
    )
