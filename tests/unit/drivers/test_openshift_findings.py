"""What speaks against a backup of an OpenShift cluster, or is worth saying."""

from datetime import timedelta
from typing import Any

import pytest

from builders.etcd_facts import member
from builders.node_facts import told, without
from builders.openshift_facts import NOW, QUIET, openshift_survey
from holdfast.drivers.needs import why_unusable
from holdfast.drivers.openshift.findings import node_findings
from holdfast.errors import HoldfastError, RefusedError, TransientError
from holdfast.models.node import NodeSurvey
from holdfast.models.openshift import ClusterNode, Encryption
from holdfast.models.plan import Finding
from holdfast.planning.backup_plan import refuse_on
from holdfast.planning.node_facts import assemble


def findings(*surveys: NodeSurvey) -> tuple[Finding, ...]:
    etcd = assemble(surveys, (told(1, members=0), told(2, members=0)), ())
    return node_findings(surveys, etcd.model_copy(update={"members": (member(1), member(2))}), NOW)


def found(*surveys: NodeSurvey) -> dict[str, str]:
    """Level by code."""
    return {each.code: each.level for each in findings(*surveys)}


def of_cluster(**changes: Any) -> dict[str, str]:
    return found(openshift_survey(1, cluster=changes), openshift_survey(2, cluster=changes))


def moving(name: str) -> tuple[Any, ...]:
    return tuple(each.model_copy(update={"progressing": "True"}) if each.name == name else each for each in QUIET)


def raised(*surveys: NodeSurvey) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        refuse_on(findings(*surveys))
    return caught.value


def test_a_healthy_cluster_has_no_findings() -> None:
    assert found(openshift_survey(1), openshift_survey(2)) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"created_at": NOW - timedelta(hours=23, minutes=59)}, {"openshift_cluster_too_young": "refuse"}),
        ({"created_at": NOW - timedelta(hours=24)}, {}),
        ({"created_at": NOW + timedelta(hours=1)}, {"openshift_cluster_too_young": "refuse"}),
        ({"created_at": None}, {}),
        ({"operators": moving("kube-scheduler")}, {"openshift_progressing": "refuse"}),
        ({"operators": QUIET[:3]}, {"openshift_operators_unknown": "refuse"}),
        ({"topology": "External"}, {"openshift_topology_unsupported": "refuse"}),
        ({"topology": "Quantum"}, {"openshift_topology_unsupported": "refuse"}),
        ({"topology": "SingleReplica"}, {}),
        ({"topology": "DualReplica"}, {}),
        ({"topology": "HighlyAvailableArbiter"}, {}),
        ({"topology": "", "version": "4.18.12"}, {}),
        (
            {"encryption": (Encryption(server="openshiftapiserver", reason="EncryptionInProgress"),)},
            {"openshift_encryption_migrating": "refuse"},
        ),
        (
            {"encryption": (Encryption(server="kubeapiserver", reason="DecryptionInProgress"),)},
            {"openshift_encryption_migrating": "refuse"},
        ),
        ({"encryption": (Encryption(server="kubeapiserver", reason="EncryptionDisabled"),)}, {}),
        ({"encryption": (Encryption(server="authentication"),)}, {}),
        (
            {"encryption": (Encryption(server="kubeapiserver", reason="NewWord"),)},
            {"openshift_encryption_unclear": "warn"},
        ),
        ({"progressing": "True"}, {"openshift_upgrading": "warn"}),
        ({"members_available": "False"}, {"openshift_members_unavailable": "warn"}),
        ({"members_available": ""}, {}),
        ({"guard_off": True}, {"openshift_guard_off": "warn"}),
        ({"nodes": (ClusterNode(name="n1", ready="Unknown"),)}, {"openshift_node_not_ready": "warn"}),
        ({"nodes": (ClusterNode(name="n1", ready="True", unreachable=True),)}, {"openshift_node_not_ready": "warn"}),
        ({"unanswered": ("proxy: timeout",)}, {"openshift_unanswered": "warn"}),
        ({"proxy": True}, {"openshift_proxy": "info"}),
        ({"version": "4.11.3"}, {"openshift_scripts_differ": "warn"}),
        ({"version": "4.22.3"}, {}),
    ],
)
def test_what_the_cluster_tells(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert of_cluster(**changes) == expected


@pytest.mark.parametrize(
    "changes",
    [{"available": "False"}, {"degraded": "True"}],
)
def test_an_operator_that_is_ill_is_a_warning(changes: dict[str, str]) -> None:
    operators = (QUIET[0].model_copy(update=changes), *QUIET[1:])
    assert of_cluster(operators=operators) == {"openshift_operator_degraded": "warn"}


def test_a_rollout_is_tried_again_and_a_young_cluster_is_not() -> None:
    rolling = {"operators": moving("etcd")}
    assert isinstance(raised(openshift_survey(1, cluster=rolling)), TransientError)
    young = {"created_at": NOW - timedelta(hours=1)}
    error = raised(openshift_survey(1, cluster=rolling | young))
    assert isinstance(error, RefusedError)
    assert error.code == "openshift_cluster_too_young"


def test_the_fullest_answer_counts() -> None:
    silent = openshift_survey(1, cluster=None, silence="refused")
    gaps = openshift_survey(2, cluster={"unanswered": ("etcd: timeout",), "guard_off": False})
    full = openshift_survey(3, cluster={"guard_off": True})
    assert found(silent, gaps, full) == {"openshift_guard_off": "warn"}
    assert found(silent, gaps) == {"openshift_unanswered": "warn"}


def test_without_an_api_the_backup_needs_force_from_four_six_on() -> None:
    dark: dict[str, Any] = {"cluster": None, "silence": "The connection to the server localhost:6443 was refused"}
    newer = findings(openshift_survey(1, **dark), openshift_survey(2, **dark))
    assert {each.code: each.level for each in newer} == {"openshift_operators_unknown": "refuse"}
    assert "was refused" in newer[0].text
    assert "--force" in newer[0].hint
    oldest = {"generation": "4.4", "can_force": False}
    assert found(openshift_survey(1, host=oldest, **dark), openshift_survey(2, host=oldest, **dark)) == {
        "openshift_operators_unknown": "warn"
    }


def test_hosts_of_two_releases_are_told() -> None:
    text = findings(openshift_survey(1, host={"generation": "4.11"}), openshift_survey(2))
    assert {each.code for each in text} == {"openshift_generations_mixed", "openshift_scripts_differ"}
    assert "n1 has those of 4.11, n2 has those of 4.18" in text[0].text


@pytest.mark.parametrize(
    "host",
    [
        {"generation": None, "scripts": ()},
        {"manifests": ("etcd-pod.yaml", "kube-apiserver-pod.yaml", "kube-scheduler-pod.yaml")},
    ],
)
def test_a_host_where_the_script_would_fail_is_not_chosen(host: dict[str, Any]) -> None:
    lame = openshift_survey(1, host=host)
    assert found(lame, openshift_survey(2))["openshift_script_missing"] == "warn"
    assert found(lame, openshift_survey(2, host=host))["openshift_script_missing"] == "refuse"
    assert why_unusable(lame, 1)
    assert why_unusable(openshift_survey(2), 1) == ""


def test_the_database_may_lie_on_a_small_disk_of_its_own() -> None:
    """The vendor's script writes beside our files, not beside etcd's data."""
    small: dict[str, Any] = {"data_on_work_disk": False, "data_free": 1}
    assert found(openshift_survey(1, **small), openshift_survey(2, **small)) == {}
    full: dict[str, Any] = {"work_free": 1}
    assert found(openshift_survey(1, **full), openshift_survey(2, **full)) == {"node_disk_short": "refuse"}


def test_what_every_distribution_is_asked_is_asked_here_too() -> None:
    lame = openshift_survey(1, root=False, clock_offset_s=99.0, tools=without("curl"), etcd_problem="no etcd.env")
    assert found(lame, openshift_survey(2)) == {
        "node_not_root": "refuse",
        "node_tool_missing": "warn",
        "member_not_asked": "warn",
        "node_clock_off": "warn",
    }
