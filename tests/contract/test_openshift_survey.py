"""The survey's questions, asked of the double of an OpenShift API over HTTP by our `oc`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.openshift_api import OpenShiftApi, openshift_api
from builders.openshift_survey_contract import OUR_OC, SurveyContract, asked


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShiftApi]:
    with openshift_api(tmp_path_factory.mktemp("openshift")) as up:
        yield up


class TestSurvey(SurveyContract):
    """As the suite says."""


def test_a_user_who_may_do_nothing_is_told_nothing(server: OpenShiftApi, tmp_path: Path) -> None:
    powerless = OpenShiftApi(kubeconfig=server.nobody, nobody=server.nobody)
    view = asked(tmp_path, powerless, OUR_OC)
    assert view.cluster is None
    assert "cannot get" in view.silence
