"""A home for the embedded stack in a test: its own state, the project's environments, the small probe template."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from holdfast.local import environments, localstack, processes
from holdfast.local.home import Home

PROJECT = Path(__file__).resolve().parents[2]
PROBE_TEMPLATE = PROJECT / "tests" / "data" / "embedded" / "template.yaml"


def home(path: Path, template: Path = PROBE_TEMPLATE) -> Home:
    """The environments are the ones that `holdfast local up` makes in this clone; a test makes them when absent."""
    return Home(root=PROJECT, path=path, template=template, environments=PROJECT / ".local" / "env")


@contextlib.contextmanager
def bare_localstack(path: Path, progress: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """The URL of a LocalStack as the embedded stack starts it, with nothing deployed and every call allowed."""
    own = home(path)
    path.mkdir(parents=True)
    stack_id = uuid.uuid4().hex
    try:
        _, port = localstack.start(own, environments.ensure(own, progress), stack_id, None, "record", progress)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.kill(stack_id)
