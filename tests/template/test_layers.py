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


def lean(unpacked: Path, code: str, *folders: Path) -> str:
    """What the code prints, with nothing but the layers, these folders and the standard library."""
    path = [*map(str, folders), str(unpacked / "python")]
    # -I: neither this environment's variables nor the current folder; -S: none of its installed packages.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys, json; sys.path[:0] = {path!r}\n{code}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-central-1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported(unpacked: Path, name: str) -> set[str]:
    """The modules that importing the handler loads."""
    code = "import app; assert callable(app.handler); print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(lean(unpacked, code, ROOT / "functions" / name)))


def test_every_adapter_of_wiring_can_be_made_from_the_layers(unpacked: Path) -> None:
    """All of them, AWS clients included: what was left out of a layer would show in the middle of a backup."""
    code = """
from functools import cached_property
from holdfast.settings import Settings
from holdfast.wiring import AwsServices
words = set(Settings.model_fields) - {"storage", "four_eyes", "trusted_keys"}
services = AwsServices(Settings(**dict.fromkeys(words, "x")))
names = [name for name, made in vars(AwsServices).items() if isinstance(made, cached_property | property)]
for name in names:
    assert getattr(services, name) is not None
print(json.dumps(names))
"""
    assert {"reader", "credentials", "clusters", "executions", "schedules", "notifier", "nodes"} <= set(
        json.loads(lean(unpacked, code))
    )


def test_modules_that_are_imported_late_import_with_the_layers_alone(unpacked: Path) -> None:
    code = """
import importlib, pkgutil, holdfast
for found in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
    print(importlib.import_module(found.name).__name__)
"""
    names = lean(unpacked, code).split()
    assert {"holdfast.etcd.client", "holdfast.transports.ssh.transport", "holdfast.storage.s3"} <= set(names)


def test_the_kubernetes_transport_does_not_load_the_models_of_every_resource(unpacked: Path) -> None:
    """`CoreV1Api` and its like cost a second and 80 MB in a cold start without bytecode."""
    code = (
        "import holdfast.transports.kubernetes.transport, holdfast.transports.kubernetes.etcd\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    found = json.loads(lean(unpacked, code))
    assert "kubernetes.client.api_client" in found
    assert [name for name in found if name.startswith(("kubernetes.client.models.", "kubernetes.client.api."))] == []


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_handler_imports_with_the_layers_alone(unpacked: Path, name: str) -> None:
    found = imported(unpacked, name)
    assert not [module for module in found if module.startswith(("holdfast.cli", "holdfast.local"))]


@pytest.mark.parametrize(
    "name",
    [
        "start_backup",
        "backup_seal",
        "backup_retain",
        "backup_failed",
        "backup_stopped",
        "check_freshness",
        "notify_slack",
    ],
)
def test_a_function_that_never_talks_to_etcd_does_not_load_grpc(unpacked: Path, name: str) -> None:
    """It would pay for it in every cold start."""
    assert "grpc" not in imported(unpacked, name)
