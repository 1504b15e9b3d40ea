"""One Lambda execution environment: an operating system process that runs the real awslambdaric.

No isolation but a process and a private temporary folder: no memory limit, no read-only file system, no /opt.
"""

import contextlib
import json
import os
import queue
import select
import shutil
import signal
import subprocess  # the point of this module: a sandbox is a process
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from holdfast.local.plugin.runtime_api import Invocation, Outcome, RuntimeApi

INIT_TIMEOUT_S = 60.0  # AWS allows 10 s; a machine with two cores that starts seven functions at once needs more
STACK_MARK = "HOLDFAST_LOCAL_STACK"  # by which holdfast.local.processes finds what belongs to a stack
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")

# PR_SET_PDEATHSIG follows the thread that forked, not the process: one thread that never ends starts all sandboxes.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lambda-spawner")


@dataclass(frozen=True)
class FunctionCode:
    """What AWS mounts: the function at LAMBDA_TASK_ROOT, its layers (each with `python/`, `bin/`, `lib/`) behind it."""

    python: Path
    handler: str
    timeout_s: int
    code: Path
    layers: tuple[Path, ...]


@dataclass(frozen=True)
class InvocationReport:
    payload: bytes
    failed: bool
    log: str
    reusable: bool


class Sandbox:
    def __init__(self, function: FunctionCode, environment: dict[str, str], scratch: Path) -> None:
        self._function = function
        self._api = RuntimeApi()
        self._log = bytearray()
        self._log_lock = threading.Lock()
        scratch.mkdir(parents=True, exist_ok=True)
        self._tmp = Path(tempfile.mkdtemp(dir=scratch))
        self._process = _spawner.submit(self._spawn, environment).result()
        self._output = cast("IO[bytes]", self._process.stdout)  # a pipe was asked for
        self._pipe = self._output.fileno()
        os.set_blocking(self._pipe, False)
        threading.Thread(target=self._read_log, daemon=True).start()
        threading.Thread(target=self._watch_exit, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """What was written since the last invocation was reported."""
        return self._log.decode(errors="replace")

    def wait_initialised(self) -> Outcome | None:
        """None when the handler's module is imported; else the reason why it is not."""
        deadline = time.monotonic() + INIT_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._api.ready.wait(0.01):
                return None
            if not self._api.outcomes.empty():
                return self._api.outcomes.get()
        message = f"Error: Runtime initialisation took more than {INIT_TIMEOUT_S:.0f} seconds"
        return Outcome("timeout", _error("Sandbox.Timedout", message))

    def invoke(self, payload: bytes, request_id: str, function_arn: str, trace_id: str) -> InvocationReport:
        """One invocation at a time, as on AWS. After a timeout or an exit the sandbox is not reusable."""
        started = time.time()
        deadline_ms = int((started + self._function.timeout_s) * 1000)
        self._api.offer(Invocation(request_id, function_arn, deadline_ms, trace_id, payload))
        try:
            outcome = self._api.outcomes.get(timeout=self._function.timeout_s)
        except queue.Empty:
            text = f"RequestId: {request_id} Error: Task timed out after {self._function.timeout_s:.2f} seconds"
            outcome = Outcome("timeout", _error("Sandbox.Timedout", text))
        if outcome.kind == "exit":
            outcome = Outcome(
                "exit", _error("Runtime.ExitError", f"RequestId: {request_id} {outcome.payload.decode()}")
            )
        self._drain()  # the lines before the response are in the pipe already, if not yet with the reader
        with self._log_lock:
            body = self.log
            self._log.clear()
        duration = (time.time() - started) * 1000
        log = (
            f"START RequestId: {request_id} Version: $LATEST\n{body}END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\n"
        )
        alive = outcome.kind in ("response", "error") and self._process.poll() is None
        return InvocationReport(outcome.payload, outcome.kind != "response", log, alive)

    def stop(self) -> None:
        """Without a warning, as AWS ends a sandbox that has no extensions."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._api.close()
        shutil.rmtree(self._tmp, ignore_errors=True)

    def _spawn(self, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        function = self._function
        command = [str(function.python), "-P", str(BOOTSTRAP), function.handler, str(os.getpid())]
        return subprocess.Popen(  # noqa: S603 - our own interpreter and file
            command,
            cwd=function.code,
            env=environment | self._own_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def _own_environment(self) -> dict[str, str]:
        function = self._function
        return {
            "PATH": os.pathsep.join(
                [*(str(layer / "bin") for layer in function.layers), "/usr/local/bin:/usr/bin:/bin"]
            ),
            "LD_LIBRARY_PATH": os.pathsep.join(str(layer / "lib") for layer in function.layers),
            "PYTHONPATH": os.pathsep.join([str(function.code), *(str(layer / "python") for layer in function.layers)]),
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
            "HOME": str(self._tmp),
            "TMPDIR": str(self._tmp),
            "LAMBDA_TASK_ROOT": str(function.code),
            "_HANDLER": function.handler,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_EC2_METADATA_DISABLED": "true",
            STACK_MARK: os.environ[STACK_MARK],
        }

    def _read_log(self) -> None:
        """All the time, or a function that writes more than a pipe holds would wait for ever."""
        waiting = select.poll()
        waiting.register(self._pipe, select.POLLIN | select.POLLHUP)
        while waiting.poll() and self._drain():
            pass

    def _drain(self) -> bool:
        """Takes what the pipe holds now; False at its end."""
        with self._log_lock:
            while True:
                try:
                    chunk = os.read(self._pipe, 65536)
                except BlockingIOError:
                    return True
                if not chunk:
                    return False
                self._log += chunk

    def _watch_exit(self) -> None:
        status = self._process.wait()
        name = (signal.strsignal(-status) or str(-status)).lower() if status < 0 else ""
        reason = f"signal: {name}" if name else f"exit status {status}"
        self._api.outcomes.put(Outcome("exit", f"Error: Runtime exited with error: {reason}".encode()))


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
