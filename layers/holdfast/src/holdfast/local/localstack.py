"""Starts LocalStack with our plugin: its environment variables, its port, and when it is ready."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass

from holdfast.errors import PermanentError, RefusedError
from holdfast.local.deploy import REGION
from holdfast.local.environments import Environments
from holdfast.local.home import Home
from holdfast.local.processes import MARK

USUAL_PORT = 4566  # LocalStack's own; an AWS_ENDPOINT_URL that was copied once goes on working
READY_DEADLINE_S = 90.0
POLL_S = 0.1
LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class Launch:
    stack_id: str
    port: int
    iam: str


def choose_port(wanted: int | None) -> int:
    """`wanted` or `port_in_use`; without a wish the usual port, else any free one."""
    if wanted is not None:
        if not _is_free(wanted):
            raise RefusedError(
                "port_in_use", f"port {wanted} on 127.0.0.1 is taken", hint="leave the port out to get a free one"
            )
        return wanted
    if _is_free(USUAL_PORT):
        return USUAL_PORT
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


def start(home: Home, environments: Environments, launch: Launch) -> "subprocess.Popen[bytes]":
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
        "LAMBDA_SYNCHRONOUS_CREATE": "1",
        "PROVIDER_OVERRIDE_DYNAMODB": "moto",
        "HOLDFAST_LOCAL_LAMBDA_PYTHON": str(environments.lambda_python),
        "HOLDFAST_LOCAL_CODE_CACHE": str(home.code_cache),
        "HOLDFAST_LOCAL_SCRATCH": str(home.scratch),
        "HOLDFAST_LOCAL_IAM": launch.iam,
        "HOLDFAST_LOCAL_IAM_LOG": str(home.iam_log),
        MARK: launch.stack_id,
    }


def wait_ready(process: "subprocess.Popen[bytes]", home: Home, port: int) -> None:
    """Fails with `stack_start_failed` and the end of the log when LocalStack ends or does not answer in time."""
    deadline = time.monotonic() + READY_DEADLINE_S
    while time.monotonic() < deadline:
        if is_healthy(port):
            return
        if process.poll() is not None:
            reason = f"LocalStack ended with exit code {process.returncode}"
            break
        time.sleep(POLL_S)
    else:
        reason = f"LocalStack did not answer within {READY_DEADLINE_S:.0f} s"
    lines = home.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    raise PermanentError("stack_start_failed", "\n".join([reason, *lines]), hint=f"the whole log: {home.log}")


def is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_localstack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
