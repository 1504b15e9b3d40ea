"""Systems Manager whose Run Command runs: LocalStack's (in moto) answers Success at once and runs nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from localstack.services.plugins import Service, aws_provider

from holdfast.local.plugin import settings
from holdfast.local.plugin.ssm_commands import CallRefused, RunCommands


@cache
def run_commands() -> RunCommands:
    return RunCommands(settings.from_environment().nodes)


@contextmanager
def _answers() -> Iterator[None]:
    from localstack.aws.api import CommonServiceException

    try:
        yield
    except CallRefused as refused:
        raise CommonServiceException(refused.code, refused.message, status_code=400, sender_fault=True) from refused


@aws_provider(api="ssm", name="nodes")  # type: ignore[untyped-decorator]
def ssm_on_nodes() -> Any:
    from localstack.aws.api import handler
    from localstack.services.moto import MotoFallbackDispatcher
    from localstack.services.ssm.provider import SsmProvider

    class NodesProvider(SsmProvider):  # type: ignore[misc] # untyped base class
        """Parameters are LocalStack's; commands are ours."""

        @handler("SendCommand", expand=False)  # type: ignore[untyped-decorator]
        def send_command(self, _context: Any, request: Any, **_: Any) -> Any:
            with _answers():
                return {"Command": run_commands().send(request)}

        @handler("GetCommandInvocation", expand=False)  # type: ignore[untyped-decorator]
        def get_command_invocation(self, _context: Any, request: Any, **_: Any) -> Any:
            with _answers():
                return run_commands().invocation(request["CommandId"], request["InstanceId"])

        @handler("ListCommandInvocations", expand=False)  # type: ignore[untyped-decorator]
        def list_command_invocations(self, _context: Any, request: Any, **_: Any) -> Any:
            with _answers():
                found = run_commands().invocations(request.get("CommandId"), request.get("InstanceId"))
            return {"CommandInvocations": found}

        @handler("CancelCommand", expand=False)  # type: ignore[untyped-decorator]
        def cancel_command(self, _context: Any, request: Any, **_: Any) -> Any:
            with _answers():
                run_commands().cancel(request["CommandId"], request.get("InstanceIds"))
            return {}

    return Service.for_provider(NodesProvider(), dispatch_table_factory=MotoFallbackDispatcher)
