"""LocalStack's S3 with nothing deployed. Unlike moto it checks checksums and conditional writes as S3 does."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders import embedded
from holdfast.local import environments, localstack, processes


@contextmanager
def localstack_s3(folder: Path) -> Iterator[str]:
    """Its URL. Makes the embedded stack's environments when this clone has none yet."""
    home = embedded.home(folder)
    stack_id = uuid.uuid4().hex
    try:
        _, port = localstack.start(home, environments.ensure(home, print), stack_id, None, "record", print)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.kill(stack_id)
