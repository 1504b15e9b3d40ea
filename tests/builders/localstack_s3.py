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
    launch = localstack.Launch(uuid.uuid4().hex, localstack.choose_port(None), "record")
    process = localstack.start(home, environments.ensure(home, print), launch)
    try:
        localstack.wait_ready(process, home, launch.port)
        yield f"http://127.0.0.1:{launch.port}"
    finally:
        processes.kill(launch.stack_id)
        process.wait()
