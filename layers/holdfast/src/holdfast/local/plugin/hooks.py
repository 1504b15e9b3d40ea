"""What LocalStack runs once at its start: the scheduler's clock and the IAM gate."""

from localstack.runtime import hooks

from holdfast.local.plugin import iam_gate, scheduler, settings


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def install() -> None:
    chosen = settings.from_environment()
    scheduler.start()
    iam_gate.install(chosen.iam_mode, chosen.iam_log)
