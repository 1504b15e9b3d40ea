"""Starts LocalStack with our plugin: its environment variables, its port, and when it is ready."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.errors import PermanentError, RefusedError
from holdfast.local import processes
from holdfast.local.deploy import REGION
from holdfast.local.environments import Environments
from holdfast.local.home import Home

USUAL_PORT = 4566  # LocalStack's own; an AWS_ENDPOINT_URL that was copied once goes on working
READY_DEADLINE_S = 90.0
POLL_S = 0.1
LOG_LINES_SHOWN = 15
PORT_TAKEN = "CannotListenError"


@dataclass(frozen=True)
class Launch:
    stack_id: str
    port: int
    iam: str


def check_port(wanted: int | None) -> None:
    """Fails with `port_in_use` when an explicit port is taken."""
    if wanted is not None and not _is_free(wanted):
        raise _port_in_use(wanted)


def start(
    home: Home,
    environments: Environments,
    stack_id: str,
    port: int | None,
    iam: str,
    progress: Callable[[str], None],
) -> tuple[int, int]:
    """The process id and the port of a LocalStack that is ready: on `port`, else on the usual one or a free one.

    Fails with `port_in_use` or `stack_start_failed`. The caller ends what was started, whatever happened.
    """
    for candidate in [port] if port else [USUAL_PORT, _any_free_port(), _any_free_port()]:
        if not _is_free(candidate):
            continue
        progress(f"starting LocalStack on port {candidate}")
        launch = Launch(stack_id, candidate, iam)
        process = _spawn(home, environments, launch)
        if _wait_ready(process, home, launch):
            return process.pid, candidate
        processes.kill(stack_id)  # somebody else took the port meanwhile
        process.wait()
    raise _port_in_use(port or USUAL_PORT)


def _port_in_use(port: int) -> RefusedError:
    return RefusedError(
        "port_in_use", f"port {port} on 127.0.0.1 is taken", hint="leave the port out to get a free one"
    )


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _spawn(home: Home, environments: Environments, launch: Launch) -> "subprocess.Popen[bytes]":
    shutil.rmtree(home.run, ignore_errors=True)
    shutil.rmtree(home.scratch, ignore_errors=True)
    for folder in (home.run / "home", home.run / "tmp", home.scratch):
        folder.mkdir(parents=True)
    home.iam_log.write_text("")
    with home.log.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - the interpreter that `environments` made
            [str(environments.localstack_python), "-m", "localstack.runtime.main"],
            env=_environment(home, environments, launch),
            cwd=home.run,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _environment(home: Home, environments: Environments, launch: Launch) -> dict[str, str]:
    """Nothing of the caller's but PATH: no AWS credentials, no HOME that LocalStack could write to."""
    address = f"127.0.0.1:{launch.port}"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(home.run / "home"),
        "TMPDIR": str(home.run / "tmp"),
        "FILESYSTEM_ROOT": str(home.run),
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        "AWS_DEFAULT_REGION": REGION,
        "OVERRIDE_IN_DOCKER": "0",
        "LS_LOG": "info",
        # No downloads, no name server, no telemetry.
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        # As strict as AWS where LocalStack can be.
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        "LAMBDA_RUNTIME_EXECUTOR": "holdfast",
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "70",  # above the sandbox's own limit, which gives the better error
        "PROVIDER_OVERRIDE_DYNAMODB": "moto",
        "PROVIDER_OVERRIDE_SSM": "nodes",
        "HOLDFAST_LOCAL_LAMBDA_PYTHON": str(environments.lambda_python),
        "HOLDFAST_LOCAL_CODE_CACHE": str(home.code_cache),
        "HOLDFAST_LOCAL_SCRATCH": str(home.scratch),
        "HOLDFAST_LOCAL_NODES": str(home.nodes),
        "HOLDFAST_LOCAL_IAM": launch.iam,
        "HOLDFAST_LOCAL_IAM_LOG": str(home.iam_log),
        processes.MARK: launch.stack_id,
    }


def _wait_ready(process: "subprocess.Popen[bytes]", home: Home, launch: Launch) -> bool:
    """False when the port was taken after all: LocalStack says so in its log and goes on without one.

    Fails with `stack_start_failed` and the end of the log when LocalStack ends or does not answer in time.
    """
    deadline = time.monotonic() + READY_DEADLINE_S
    while time.monotonic() < deadline:
        if answers(launch.port, launch.stack_id):
            return True
        log = home.log.read_text(errors="replace")
        if PORT_TAKEN in log:
            return False
        if process.poll() is not None:
            reason = f"LocalStack ended with exit code {process.returncode}"
            break
        time.sleep(POLL_S)
    else:
        reason = f"LocalStack did not answer within {READY_DEADLINE_S:.0f} s"
    lines = home.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    raise PermanentError("stack_start_failed", "\n".join([reason, *lines]), hint=f"the whole log: {home.log}")


def answers(port: int, stack_id: str) -> bool:
    """Whether the stack of that id, and not another one, serves the port (the plugin answers, so it was loaded too)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_holdfast/stack")
        return connection.getresponse().read() == stack_id.encode()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
