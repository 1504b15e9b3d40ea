"""Whether a backup is due because the cluster has another release than its newest one."""

import pytest

from builders.node_facts import survey
from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import OpenShiftCluster, OpenShiftHost, OpenShiftView
from holdfast.planning.version_watch import LastBackup, judge, told_release

BACKUP = "20261120T154300Z-r-1a2b3c"
OLD = LastBackup(BACKUP, "4.17.9")


def told(number: int, version: str = "4.18.2", progressing: str = "False") -> NodeSurvey:
    """A host whose API server answered."""
    cluster = OpenShiftCluster(version=version, progressing=progressing)
    return survey(number, openshift=OpenShiftView(host=OpenShiftHost(), cluster=cluster))


def silent(number: int) -> NodeSurvey:
    return survey(number, openshift=OpenShiftView(host=OpenShiftHost()))


def test_another_release_than_that_of_the_newest_backup_is_a_reason_for_one() -> None:
    watched = judge([told(1), told(2), told(3)], OLD)
    assert watched.due
    assert watched.reason == f"the cluster has 4.18.2, and {BACKUP} is of 4.17.9"


@pytest.mark.parametrize("before", ["4.18.1", "4.18.3", "4.18.2-rc.1", "4.18.20", "5.0.0", ""])
def test_any_other_release_counts_older_and_newer_ones_and_one_that_is_not_told(before: str) -> None:
    assert judge([told(1)], LastBackup(BACKUP, before)).due


def test_the_same_release_is_no_reason() -> None:
    watched = judge([told(1)], LastBackup(BACKUP, "4.18.2"))
    assert not watched.due
    assert BACKUP in watched.reason


def test_one_host_that_answers_is_enough() -> None:
    assert judge([silent(1), told(2), survey(3)], OLD).due


@pytest.mark.parametrize("surveys", [(), (survey(1),), (silent(1), silent(2)), (told(1, version=""),)])
def test_where_no_host_tells_the_release_nothing_is_due(surveys: tuple[NodeSurvey, ...]) -> None:
    assert not judge(surveys, OLD).due


@pytest.mark.parametrize("progressing", ["True", "Unknown", ""])
def test_in_the_middle_of_an_upgrade_nothing_is_due(progressing: str) -> None:
    """The wanted release is the new one from the start on."""
    assert not judge([told(1), told(2, progressing=progressing)], OLD).due


def test_hosts_that_tell_different_releases_are_asked_again() -> None:
    assert not judge([told(1), told(2, version="4.18.3")], OLD).due


def test_without_a_backup_nothing_has_changed() -> None:
    assert not judge([told(1)], None).due


@pytest.mark.parametrize(
    ("surveys", "release"),
    [
        ((), ""),
        ((survey(1), silent(2)), ""),
        ((silent(1), told(2)), "4.18.2"),
        ((told(1), told(2)), "4.18.2"),
        ((told(1), told(2, version="4.18.3")), ""),
        ((told(1, progressing="True"),), ""),
        ((told(1, progressing="Unknown"),), ""),
        ((told(1), told(2, progressing="")), ""),
    ],
)
def test_a_backup_is_of_the_release_that_its_hosts_told_and_of_none_in_an_upgrade(
    surveys: tuple[NodeSurvey, ...], release: str
) -> None:
    """Else a backup from the middle of an upgrade would pass for one of the new release, and none would follow it."""
    assert told_release(surveys) == release


def test_a_backup_from_the_middle_of_an_upgrade_is_followed_by_one_after_it() -> None:
    upgrading = [told(1, progressing="True")]
    assert judge([told(1)], LastBackup(BACKUP, told_release(upgrading))).due
