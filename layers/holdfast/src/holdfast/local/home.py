"""Where the embedded stack keeps things: one folder for all of its state, beside the template it deploys."""

import os
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import InvalidInputError

TEMPLATE = "template.yaml"


@dataclass(frozen=True)
class Home:
    """`root` is the project, `path` takes everything that the stack writes (`<root>/.local` unless told otherwise)."""

    root: Path
    path: Path
    template: Path
    environments: Path

    @property
    def builds(self) -> Path:
        """Built layers by the digest of their sources; they belong to the project, not to one stack."""
        return self.root / ".build"

    @property
    def code_cache(self) -> Path:
        return self.path / "lambda" / "code"

    @property
    def scratch(self) -> Path:
        return self.path / "lambda" / "tmp"

    @property
    def run(self) -> Path:
        """LocalStack's own files; emptied at every start, since its state is in memory anyway."""
        return self.path / "run"

    @property
    def nodes(self) -> Path:
        """The machines that Run Command may use, one file each; kept between starts."""
        return self.path / "nodes"

    @property
    def log(self) -> Path:
        return self.path / "localstack.log"

    @property
    def iam_log(self) -> Path:
        return self.path / "iam.jsonl"

    @property
    def state(self) -> Path:
        return self.path / "stack.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"


def find(start: Path | None = None, home: Path | None = None) -> Home:
    """The nearest folder upward from `start` (default: the working directory) with a template.yaml.

    `home` wins over HOLDFAST_LOCAL_HOME, which wins over `<root>/.local`. HOLDFAST_LOCAL_ENVS lets several homes share
    the Python environments, which take seconds and 330 MB to make. Fails with `template_missing`.
    """
    begin = (start or Path.cwd()).resolve()
    root = next((folder for folder in (begin, *begin.parents) if (folder / TEMPLATE).is_file()), None)
    if root is None:
        raise InvalidInputError(
            "template_missing", f"no {TEMPLATE} in {begin} or above", hint="run the command inside a clone of Holdfast"
        )
    override = home or os.environ.get("HOLDFAST_LOCAL_HOME")
    path = Path(override).resolve() if override else root / ".local"
    shared = os.environ.get("HOLDFAST_LOCAL_ENVS")
    return Home(root, path, root / TEMPLATE, Path(shared).resolve() if shared else path / "env")
