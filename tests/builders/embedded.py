"""A home for the embedded stack in a test: its own state, the project's environments, the small probe template."""

from pathlib import Path

from holdfast.local.home import Home

PROJECT = Path(__file__).resolve().parents[2]
PROBE_TEMPLATE = PROJECT / "tests" / "data" / "embedded" / "template.yaml"


def home(path: Path, template: Path = PROBE_TEMPLATE) -> Home:
    """The environments are the ones that `holdfast local up` makes in this clone; a test makes them when absent."""
    return Home(root=PROJECT, path=path, template=template, environments=PROJECT / ".local" / "env")
