"""The environments of the embedded stack: LocalStack with our plugin, and what a Lambda has before its layers."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from holdfast.local.commands import python_3_13, run, uv
from holdfast.local.home import Home

STAMP = "holdfast-digest"


@dataclass(frozen=True)
class Environments:
    localstack_python: Path
    lambda_python: Path


def ensure(home: Home, progress: Callable[[str], None]) -> Environments:
    """Makes what is absent or made from other requirements. Offline when there is nothing to make."""
    package = home.root / "layers" / "holdfast"
    requirements = home.root / "requirements"
    localstack = home.environments / "localstack"
    sandbox = home.environments / "lambda"
    # The entry points of the plugin are copied into the environment when the package is installed.
    wanted = _digest(requirements / "embedded.txt", package / "pyproject.toml", str(package))
    if _stamp(localstack) != wanted:
        progress("installing LocalStack (once, about 330 MB)")
        _make(localstack, requirements / "embedded.txt")
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--offline"]
        install = [uv(), "pip", "install", *options, "--python", str(_python(localstack)), "--editable", str(package)]
        run(install, code="environment_failed", what="installing the plugin")
        (localstack / STAMP).write_text(wanted)
    wanted = _digest(requirements / "lambda.txt")
    if _stamp(sandbox) != wanted:
        progress("installing the Lambda runtime (once)")
        _make(sandbox, requirements / "lambda.txt")
        (sandbox / STAMP).write_text(wanted)
    return Environments(_python(localstack), _python(sandbox))


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _stamp(environment: Path) -> str | None:
    """Written last: an installation that was interrupted has none."""
    stamp = environment / STAMP
    return stamp.read_text() if stamp.exists() else None


def _digest(*parts: Path | str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
    return digest.hexdigest()


def _make(environment: Path, requirements: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    what = f"making the environment of {requirements.name}"
    run([uv(), "venv", "--quiet", "--python", python_3_13(), str(environment)], code="environment_failed", what=what)
    options = ["--quiet", "--require-hashes", "--python", str(_python(environment))]
    run([uv(), "pip", "install", *options, "-r", str(requirements)], code="environment_failed", what=what)
