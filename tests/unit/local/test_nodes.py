"""Machines for Run Command: files that only their owner may read, ids that are ids, a way in that is never empty."""

from pathlib import Path

import pytest

from builders import embedded
from holdfast.errors import InvalidInputError
from holdfast.local import nodes
from holdfast.local.home import Home
from holdfast.local.plugin.ssm_nodes import ManagedNode, managed_node

INSTANCE = "i-0123456789abcdef0"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return embedded.home(tmp_path)


def test_what_was_registered_is_what_the_plugin_reads(home: Home) -> None:
    path = nodes.register(home, INSTANCE, ["nsenter", "--target", "1"])
    assert managed_node(home.nodes, INSTANCE) == ManagedNode(
        INSTANCE, ("nsenter", "--target", "1"), online=True, tags={"holdfast": "node"}
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert home.nodes.stat().st_mode & 0o777 == 0o700


def test_registering_again_replaces(home: Home) -> None:
    nodes.register(home, INSTANCE, ["a"])
    nodes.register(home, INSTANCE, ["b"], online=False, tags={})
    assert managed_node(home.nodes, INSTANCE) == ManagedNode(INSTANCE, ("b",), online=False, tags={})
    assert [path.name for path in home.nodes.iterdir()] == [f"{INSTANCE}.json"]


def test_a_forgotten_node_is_unknown_and_may_be_forgotten_twice(home: Home) -> None:
    nodes.register(home, INSTANCE, ["a"])
    nodes.forget(home, INSTANCE)
    nodes.forget(home, INSTANCE)
    assert managed_node(home.nodes, INSTANCE) is None


@pytest.mark.parametrize("instance", ["../../etc/cron.d/x", "i-xyz", "", "i-0123456789abcdef0.json"])
def test_what_is_no_instance_id_makes_no_file(home: Home, instance: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        nodes.register(home, instance, ["a"])
    assert error.value.code == "instance_invalid"
    assert not home.nodes.exists()


def test_without_a_way_in_nothing_is_registered_because_commands_would_run_here(home: Home) -> None:
    with pytest.raises(InvalidInputError) as error:
        nodes.register(home, INSTANCE, [])
    assert error.value.code == "instance_invalid"
