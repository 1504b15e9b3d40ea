"""What LocalStack runs once at its start: the clock of schedules, the IAM gate, buckets' encryption, and a path that
names the stack."""

from functools import partial
from types import SimpleNamespace

from localstack.runtime import hooks

from holdfast.local.plugin import code_cache, iam_gate, s3_defaults, scheduler, settings


@hooks.on_runtime_create()  # type: ignore[untyped-decorator]
def listen_on_loopback_only() -> None:
    """LocalStack 4.14.0 ignores an IPv4 address in GATEWAY_LISTEN and listens on all interfaces."""
    from localstack.runtime.server import twisted as server

    loopback = partial(server.endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
    server.endpoints = SimpleNamespace(TCP4ServerEndpoint=loopback)


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def install() -> None:
    chosen = settings.from_environment()
    code_cache.forget_unused(chosen.code_cache)
    scheduler.start()
    s3_defaults.install()
    iam_gate.install(chosen.iam_mode, chosen.iam_log, chosen.nodes)
    _announce(chosen.stack_id)


def _announce(stack_id: str) -> None:
    """`holdfast local` asks for it, so that it never takes another stack on the same port for its own."""
    from localstack.services.edge import ROUTER
    from werkzeug import Response

    ROUTER.add("/_holdfast/stack", lambda _request: Response(stack_id))
