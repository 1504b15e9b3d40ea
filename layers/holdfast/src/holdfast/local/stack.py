"""`up`, `down` and `status` of the embedded stack: one per home, in memory, deployed anew at every `up`."""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from holdfast.errors import InvalidInputError, RefusedError
from holdfast.local import deploy, environments, localstack, locks, processes
from holdfast.local.home import Home

ACCOUNT = "000000000000"
IamMode = Literal["record", "enforce"]


class StackInfo(BaseModel):
    """A running stack."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stack_id: str
    pid: int
    port: int
    started_at: datetime
    iam: IamMode
    region: str = deploy.REGION
    account: str = ACCOUNT
    outputs: dict[str, str]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes any AWS tool talk to this stack."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self.region,
        }

    @property
    def export_line(self) -> str:
        return "export " + " ".join(f"{name}={value}" for name, value in self.environment.items())


def up(
    home: Home,
    progress: Callable[[str], None],
    *,
    port: int | None = None,
    iam: IamMode | None = None,
    parameters: Mapping[str, str] | None = None,
) -> StackInfo:
    """Starts LocalStack and deploys the template; or says what runs already, unchanged.

    `iam` (default: HOLDFAST_LOCAL_IAM, else record) says whether calls that a role may not make are only written down.
    Whatever goes wrong on the way, Ctrl-C included, nothing is left running. Fails with `stack_busy`, `port_in_use`,
    `python_missing`, `uv_missing`, `environment_failed`, `build_failed`, `iam_mode_invalid`, `stack_start_failed` or
    `deploy_failed`.
    """
    with locks.refusing(home.lock, _busy(home)):
        running = status(home)
        if running is not None:
            progress(f"already running since {running.started_at:%H:%M:%S} UTC")
            return running
        _stop(home)  # what a killed `up` may have left
        mode = iam or _iam_mode(os.environ.get("HOLDFAST_LOCAL_IAM", "record"))
        localstack.check_port(port)
        made = environments.ensure(home, progress)
        content, files = deploy.build(home.template, home.builds, progress)
        stack_id = uuid.uuid4().hex
        _write(home.state, {"stack_id": stack_id})
        try:
            started_at = datetime.now(UTC)
            pid, chosen = localstack.start(home, made, stack_id, port, mode, progress)
            outputs = deploy.deploy(f"http://127.0.0.1:{chosen}", content, files, parameters or {}, progress)
            info = StackInfo(stack_id=stack_id, pid=pid, port=chosen, started_at=started_at, iam=mode, outputs=outputs)
            _write(home.state, info.model_dump(mode="json"))
        except BaseException:
            _stop(home)
            raise
        return info


def _iam_mode(text: str) -> IamMode:
    match text:
        case "record" | "enforce":
            return text
        case _:
            raise InvalidInputError(
                "iam_mode_invalid", f"HOLDFAST_LOCAL_IAM is {text!r}", hint="set it to record or enforce"
            )


def down(home: Home) -> bool:
    """Ends every process of the stack; False when none ran. Fails with `stack_busy`."""
    with locks.refusing(home.lock, _busy(home)):
        return _stop(home) > 0


def _busy(home: Home) -> RefusedError:
    return RefusedError(
        "stack_busy", f"another command is starting or stopping the stack in {home.path}", hint="wait for it"
    )


def status(home: Home) -> StackInfo | None:
    """The stack that runs and is deployed, or None. A state file whose process is gone counts as none."""
    state = _read(home.state)
    if "outputs" not in state:
        return None
    info = StackInfo.model_validate(state)
    return (
        info if processes.is_running(info.pid, info.stack_id) and localstack.answers(info.port, info.stack_id) else None
    )


def _stop(home: Home) -> int:
    stack_id = _read(home.state).get("stack_id")
    if not isinstance(stack_id, str):
        return 0
    stopped = processes.kill(stack_id)
    home.state.unlink()
    return stopped


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: Mapping[str, object]) -> None:
    """Whole or not at all, so that a crash leaves the old state or the new one."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(content, indent=2) + "\n")
    beside.replace(path)
