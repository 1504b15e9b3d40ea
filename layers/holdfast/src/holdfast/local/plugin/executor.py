"""The LocalStack plugin that runs Lambda functions as processes instead of containers."""

import base64
import json
import threading
from pathlib import Path
from typing import Any

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin

from holdfast.local.plugin import code_cache, settings
from holdfast.local.plugin.sandbox import FunctionCode, InvocationReport, Sandbox

RUNTIME = "python3.13"
# LocalStack sets these for its own container image; the sandbox sets its own or must not have them.
NOT_PASSED_ON = ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "EDGE_PORT", "AWS_LAMBDA_FUNCTION_TIMEOUT", "_HANDLER")


class ProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc] # untyped base class
    name = "holdfast"

    def load(self, *_args: object, **_options: object) -> type[Any]:
        return _executor_class()


def _code_folder(code: Any) -> Path:
    """`code` is a LocalStack S3Code; its digest is base64 as in the Lambda API."""

    def download() -> bytes:
        from localstack.aws.connect import connect_to

        # LocalStack keeps archives of all regions in us-east-1 under its own account (lambda_models.S3Code).
        from localstack.config import INTERNAL_RESOURCE_ACCOUNT

        client = connect_to(region_name="us-east-1", aws_access_key_id=INTERNAL_RESOURCE_ACCOUNT).s3
        return bytes(client.get_object(Bucket=code.s3_bucket, Key=code.s3_key)["Body"].read())

    return code_cache.unpacked(
        settings.from_environment().code_cache, base64.b64decode(code.code_sha256).hex(), download
    )


def _function_code(version: Any) -> FunctionCode:
    return FunctionCode(
        python=settings.from_environment().lambda_python,
        handler=version.config.handler,
        timeout_s=version.config.timeout,
        code=_code_folder(version.config.code),
        layers=tuple(_code_folder(layer.code) for layer in version.config.layers),
    )


def _environment(env_vars: dict[str, Any]) -> dict[str, str]:
    kept = {key: str(value) for key, value in env_vars.items() if key not in NOT_PASSED_ON and "LOCALSTACK" not in key}
    return kept | {"TZ": ":UTC", "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}"}


class NotInitialisedError(Exception):
    """The function's module does not import; `payload` says why, as Lambda would."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("the function did not initialise")
        self.payload = payload


class Seat:
    """The place of one sandbox at a time. A sandbox that timed out or died is replaced at the next invocation."""

    def __init__(self, version: Any) -> None:
        self._version = version
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._stopped = False
        self._env: dict[str, str] = {}

    @property
    def log(self) -> str:
        return self._sandbox.log if self._sandbox else ""

    def start(self, env_vars: dict[str, Any]) -> None:
        """Fails with NotInitialisedError, as `invoke` does."""
        self._env = _environment(env_vars)
        self._fresh_sandbox()

    def invoke(self, payload: dict[str, str]) -> InvocationReport:
        sandbox = self._sandbox or self._fresh_sandbox()
        body = payload["payload"].encode()
        report = sandbox.invoke(body, payload["invoke-id"], payload["invoked-function-arn"], payload["trace-id"])
        if not report.reusable:
            self._drop_sandbox()
        return report

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
        self._drop_sandbox()

    def _fresh_sandbox(self) -> Sandbox:
        sandbox = Sandbox(_function_code(self._version), self._env, settings.from_environment().scratch)
        with self._lock:
            self._sandbox = sandbox
            stopped_meanwhile = self._stopped
        failure = sandbox.wait_initialised()
        if failure is not None or stopped_meanwhile:
            self._drop_sandbox()
            raise NotInitialisedError(failure.payload if failure else b'{"errorType": "Sandbox.Stopped"}')
        return sandbox

    def _drop_sandbox(self) -> None:
        with self._lock:
            sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.stop()


def _executor_class() -> type[Any]:
    """Made on load: the base class imports most of LocalStack's Lambda service."""
    from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
    from localstack.services.lambda_.invocation.lambda_models import InvocationResult
    from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

    class ProcessRuntimeExecutor(RuntimeExecutor):  # type: ignore[misc] # untyped base class
        """One LocalStack execution environment."""

        def __init__(self, id: str, function_version: Any) -> None:  # noqa: A002 - the base class names it so
            super().__init__(id, function_version)
            self._seat = Seat(function_version)

        def start(self, env_vars: dict[str, Any]) -> None:
            try:
                self._seat.start(env_vars)
            except NotInitialisedError as error:
                raise StatusErrorException(str(error), payload=error.payload) from error

        def stop(self) -> None:
            self._seat.stop()

        def invoke(self, payload: dict[str, str]) -> Any:
            try:
                report = self._seat.invoke(payload)
            except NotInitialisedError as error:
                return InvocationResult(payload["invoke-id"], error.payload, is_error=True, logs="")
            return InvocationResult(payload["invoke-id"], report.payload, is_error=report.failed, logs=report.log)

        def get_logs(self) -> str:
            return self._seat.log

        def get_address(self) -> str:
            return "127.0.0.1"

        def get_endpoint_from_executor(self) -> str:
            return "127.0.0.1"

        def get_runtime_endpoint(self) -> str:
            return "http://127.0.0.1"

        @classmethod
        def prepare_version(cls, function_version: Any) -> None:
            _refuse_other_runtimes(function_version.config.runtime)
            _function_code(function_version)

        @classmethod
        def cleanup_version(cls, function_version: Any) -> None:
            """Nothing: the unpacked code is shared with other versions and later starts."""

    return ProcessRuntimeExecutor


def _refuse_other_runtimes(runtime: str) -> None:
    if runtime != RUNTIME:
        raise ValueError(f"the embedded stack runs {RUNTIME} only, not {json.dumps(runtime)}")
