"""What `holdfast local up` tells the plugin, through LocalStack's environment. A missing one fails with its name."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    stack_id: str
    lambda_python: Path
    code_cache: Path
    scratch: Path
    nodes: Path
    iam_mode: str
    iam_log: Path


def from_environment() -> Settings:
    return Settings(
        stack_id=os.environ["HOLDFAST_LOCAL_STACK"],
        lambda_python=Path(os.environ["HOLDFAST_LOCAL_LAMBDA_PYTHON"]),
        code_cache=Path(os.environ["HOLDFAST_LOCAL_CODE_CACHE"]),
        scratch=Path(os.environ["HOLDFAST_LOCAL_SCRATCH"]),
        nodes=Path(os.environ["HOLDFAST_LOCAL_NODES"]),
        iam_mode=os.environ["HOLDFAST_LOCAL_IAM"],
        iam_log=Path(os.environ["HOLDFAST_LOCAL_IAM_LOG"]),
    )
