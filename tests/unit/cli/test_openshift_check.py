"""What `holdfast cluster check` shows of an OpenShift cluster."""

import io
from typing import Any

from rich.console import Console

from builders.openshift_facts import QUIET, openshift_survey
from holdfast.cli.check_view import check_view
from holdfast.cli.openshift_view import openshift_rows
from holdfast.engine.check import Checked
from holdfast.models.openshift import Machine


def shown(*, silence: str = "", **changes: Any) -> dict[str, str]:
    surveys = (openshift_survey(1, cluster=changes), openshift_survey(2, cluster=None, silence=silence))
    return dict(openshift_rows(surveys))


def test_release_topology_members_and_scripts_are_shown() -> None:
    rows = shown(silence="connection refused", machines=(Machine(name="m"),), machine_set="Active")
    assert rows == {
        "release": "4.18.12, installed 2026-03-01",
        "control plane": "HighlyAvailable on AWS",
        "operators": "4 settled",
        "encryption": "kubeapiserver EncryptionCompleted",
        "members": "3 members are available",
        "machines": "1 of the control plane, ControlPlaneMachineSet Active",
        "told nothing": "n2 (connection refused)",
        "scripts": "4.18 on n1, n2",
    }


def test_what_moves_is_shown() -> None:
    moving = (QUIET[0].model_copy(update={"progressing": "True"}), *QUIET[1:])
    rows = shown(operators=moving, progressing="True", encryption=(), infrastructure="prod-x7k2p")
    assert rows["operators"] == "progressing: etcd"
    assert rows["release"].endswith("in the middle of an upgrade")
    assert rows["control plane"] == "HighlyAvailable on AWS (prod-x7k2p)"
    assert (rows["encryption"], rows["machines"][:4]) == ("none", "none")


def test_without_any_api_the_scripts_are_shown_still() -> None:
    rows = dict(openshift_rows((openshift_survey(1, cluster=None, host={"generation": "4.6"}),)))
    assert rows == {"told nothing": "n1 (nobody asked)", "scripts": "4.6 on n1"}


def test_other_distributions_are_shown_as_before() -> None:
    assert tuple(openshift_rows(())) == ()
    survey = openshift_survey(1, openshift=None)
    assert tuple(openshift_rows((survey,))) == ()


def test_words_of_an_api_are_shown_as_they_are() -> None:
    surveys = (openshift_survey(1, cluster=None, silence="[/bold] [red]down"),)
    screen = Console(file=io.StringIO(), width=200)
    for each in check_view(Checked(cluster_id="prod-1", findings=(), nodes=surveys)):
        screen.print(each)
    assert isinstance(screen.file, io.StringIO)
    assert "n1 ([/bold] [red]down)" in screen.file.getvalue()
