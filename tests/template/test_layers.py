"""The layers as they are deployed: built by their own Makefiles, small enough, and enough for every function.

Building them needs the package registry or uv's cache; what was built once is kept in .build by its sources' digest.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from holdfast.local import artifacts
from template.stack import ROOT, functions, resources

pytestmark = pytest.mark.builds

# Lambda unpacks at most 250 MB of function and layers together. The rest is for what later features bring.
BUDGET_MB = 150


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both layers in one folder, as Lambda has them below /opt. A build that fails fails the tests."""
    target = tmp_path_factory.mktemp("opt")
    for name, layer in resources("AWS::Serverless::LayerVersion").items():
        source = artifacts.Source(name, ROOT / layer["ContentUri"], f"build-{name}")
        with zipfile.ZipFile(artifacts.archive(source, ROOT / ".build", print).path) as packed:
            packed.extractall(target)
    return target


def test_the_layers_stay_within_their_budget(unpacked: Path) -> None:
    size = sum(path.stat().st_size for path in unpacked.rglob("*") if path.is_file()) / 1e6
    assert 10 < size < BUDGET_MB, f"{size:.0f} MB"


def test_a_layer_holds_no_bytecode_and_no_tool_of_the_workstation(unpacked: Path) -> None:
    assert not list(unpacked.rglob("*.pyc"))
    assert {path.name for path in unpacked.iterdir()} == {"python"}
    holdfast = {path.name for path in (unpacked / "python" / "holdfast").iterdir()}
    assert "handler.py" in holdfast
    assert not {"cli", "local"} & holdfast


def imported(unpacked: Path, name: str) -> set[str]:
    """The modules that importing the handler loads, with nothing but the layers and the standard library."""
    code = (
        f"import sys, json; sys.path[:0] = [{str(ROOT / 'functions' / name)!r}, {str(unpacked / 'python')!r}]\n"
        "import app; assert callable(app.handler); print(json.dumps(sorted(sys.modules)))"
    )
    # -I: neither this environment's variables nor the current folder; -S: none of its installed packages.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_handler_imports_with_the_layers_alone(unpacked: Path, name: str) -> None:
    found = imported(unpacked, name)
    assert not [module for module in found if module.startswith(("holdfast.cli", "holdfast.local"))]


@pytest.mark.parametrize("name", ["start_backup", "backup_seal", "backup_retain", "backup_failed", "backup_stopped"])
def test_a_function_that_never_talks_to_etcd_does_not_load_grpc(unpacked: Path, name: str) -> None:
    """It would pay for it in every cold start."""
    assert "grpc" not in imported(unpacked, name)
