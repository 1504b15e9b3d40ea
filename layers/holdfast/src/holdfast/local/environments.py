"""The environments of the embedded stack: LocalStack with our plugin, and what a Lambda has before its layers."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from holdfast.local import locks
from holdfast.local.commands import python_3_13, run, uv
from holdfast.local.home import Home

REQUIREMENTS_STAMP = "requirements.sha256"
PLUGIN_STAMP = "plugin.sha256"


@dataclass(frozen=True)
class Environments:
    localstack_python: Path
    lambda_python: Path


def ensure(home: Home, progress: Callable[[str], None]) -> Environments:
    """Makes what is absent or made from other requirements. Offline when there is nothing to make."""
    with locks.waiting(home.environments / "lock"):
        localstack = _ensure_installed(home, "localstack", "embedded.txt", progress)
        _ensure_plugin(localstack, home.root / "layers" / "holdfast")
        sandbox = _ensure_installed(home, "lambda", "lambda.txt", progress)
        return Environments(_python(localstack), _python(sandbox))


def _ensure_installed(home: Home, name: str, requirements: str, progress: Callable[[str], None]) -> Path:
    environment, file = home.environments / name, home.root / "requirements" / requirements
    wanted = hashlib.sha256(file.read_bytes()).hexdigest()
    if _stamp(environment / REQUIREMENTS_STAMP) != wanted:
        progress(f"installing the environment {name} (once)")
        _make(environment, file)
        (environment / REQUIREMENTS_STAMP).write_text(wanted)
    return environment


def _ensure_plugin(environment: Path, package: Path) -> None:
    """Again after a change of pyproject.toml: an installation copies its entry points, which name the plugin."""
    wanted = hashlib.sha256((package / "pyproject.toml").read_bytes() + bytes(package)).hexdigest()
    if _stamp(environment / PLUGIN_STAMP) != wanted:
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--offline", "--python", str(_python(environment))]
        install = [uv(), "pip", "install", *options, "--editable", str(package)]
        run(install, code="environment_failed", what="installing the plugin")
        (environment / PLUGIN_STAMP).write_text(wanted)


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _stamp(path: Path) -> str | None:
    """Written last: an installation that was interrupted has none."""
    return path.read_text() if path.exists() else None


def _make(environment: Path, requirements: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    what = f"making the environment of {requirements.name}"
    run([uv(), "venv", "--quiet", "--python", python_3_13(), str(environment)], code="environment_failed", what=what)
    options = ["--quiet", "--require-hashes", "--python", str(_python(environment))]
    run([uv(), "pip", "install", *options, "-r", str(requirements)], code="environment_failed", what=what)
