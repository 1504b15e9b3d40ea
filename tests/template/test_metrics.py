"""Alarms and the dashboard watch metrics that somebody writes, and the page lists them all."""

import json
import re
from typing import Any

import pytest

from holdfast.planning.metrics import METRICS, NAMESPACE
from template.stack import ROOT, functions, resources, stack

ALARMS = resources("AWS::CloudWatch::Alarm")
PAGE = (ROOT / "docs/reference/metrics.md").read_text()

# What AWS itself writes and we look at: CloudWatch metrics of Lambda, Step Functions and EventBridge Scheduler.
OF_AWS = {
    ("AWS/Lambda", "Errors", ("FunctionName",)),
    ("AWS/Scheduler", "InvocationDroppedCount", ("ScheduleGroup",)),
    ("AWS/States", "ExecutionsFailed", ("StateMachineArn",)),
    ("AWS/States", "ExecutionsSucceeded", ("StateMachineArn",)),
    ("AWS/States", "ExecutionsTimedOut", ("StateMachineArn",)),
}
OURS = {(NAMESPACE, name, dimensions) for name, dimensions in METRICS}


def dashboard() -> dict[str, Any]:
    (found,) = resources("AWS::CloudWatch::Dashboard").values()
    text = re.sub(r"\$\{([A-Za-z:]+)\}", lambda name: f"<{name[1]}>", found["DashboardBody"]["Fn::Sub"])
    body: dict[str, Any] = json.loads(text)
    return body


def shown() -> set[tuple[str, str, tuple[str, ...]]]:
    found = set()
    for widget in dashboard()["widgets"]:
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                searched = re.fullmatch(
                    r"""SEARCH\('\{([A-Za-z]+),([A-Za-z,]+)\} MetricName="([A-Za-z]+)" Stack="<AWS::StackName>"',"""
                    r""" 'Maximum', \d+\)""",
                    metric[0]["expression"],
                )
                assert searched, metric
                found.add((searched[1], searched[3], tuple(searched[2].split(","))))
            else:
                namespace, name, *rest = [each for each in metric if isinstance(each, str)]
                found.add((namespace, name, tuple(rest[::2])))
    return found


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_a_metric_that_is_written(name: str) -> None:
    alarm = ALARMS[name]
    watched = (alarm["Namespace"], alarm["MetricName"], tuple(each["Name"] for each in alarm["Dimensions"]))
    assert watched in OURS | OF_AWS


@pytest.mark.parametrize("name", [name for name in ALARMS if ALARMS[name]["Namespace"] == NAMESPACE])
def test_an_alarm_of_ours_is_of_this_stack(name: str) -> None:
    """Two stacks of one account write the same names."""
    assert ALARMS[name]["Dimensions"] == [{"Name": "Stack", "Value": {"Ref": "AWS::StackName"}}]


def test_whoever_writes_metrics_knows_the_name_of_the_stack() -> None:
    writing = {name for name in functions() if "write_metrics(" in (ROOT / "functions" / name / "app.py").read_text()}
    assert writing == {"backup_finished", "check_freshness"}
    for name in writing:
        assert functions()[name].environment["HOLDFAST_STACK_NAME"] == {"Ref": "AWS::StackName"}


def test_the_dashboard_shows_metrics_that_are_written_and_all_of_ours() -> None:
    assert shown() <= OURS | OF_AWS
    assert shown() >= OURS


def test_widgets_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard()["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not taken & cells
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_nobody_looking_is_an_alarm_within_twice_the_longest_interval() -> None:
    alarm = ALARMS["FreshnessNotCheckedAlarm"]
    intervals = stack()["Parameters"]["FreshnessMinutes"]["AllowedValues"]
    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("SampleCount", "breaching")
    assert max(intervals) * 60 * 2 <= alarm["Period"]
    for name in ("BackupStaleAlarm", "BackupSuspiciousAlarm", "BackupGoneAlarm", "FreshnessUnknownAlarm"):
        assert max(intervals) * 60 <= ALARMS[name]["Period"], name


def test_the_page_lists_every_metric_with_its_unit_and_dimensions() -> None:
    rows = re.findall(r"^\| `([A-Za-z]+)` \| ([A-Za-z]+) \| ([A-Za-z, ]+) \|", PAGE, re.MULTILINE)
    assert {(name, tuple(dimensions.split(", "))): unit for name, unit, dimensions in rows} == METRICS


def test_the_page_says_what_to_do_for_every_alarm() -> None:
    assert re.findall(r"^\| `([A-Za-z]+Alarm)` \|", PAGE, re.MULTILINE) == list(ALARMS)
