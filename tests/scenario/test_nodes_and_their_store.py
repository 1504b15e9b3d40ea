"""What a store asks for reaches every script that is given a URL of it, and none that is not."""

import json
from typing import Any

import pytest

from builders.changes import NODES, restore_plan, step
from builders.doubled_runs import manifest_of, run, three, through
from builders.phases import phase_scene
from holdfast.models.command import Command, CommandResult
from holdfast.storage.base import UrlUse
from holdfast.transports.memory import MemoryTransport

SNAPSHOTS = UrlUse(ca="CA of the snapshots", proxy="http://proxy:3128", put_headers=("x-amz-a: b",))
SECRETS = UrlUse(ca="CA of the secrets", put_headers=("x-amz-server-side-encryption: aws:kms", "x-amz-c: d"))
OF_SNAPSHOTS = {"store_ca": SNAPSHOTS.ca, "store_proxy": SNAPSHOTS.proxy, "put_headers": "x-amz-a: b"}
OF_SECRETS = {"store_ca": SECRETS.ca, "put_headers": "x-amz-server-side-encryption: aws:kms\nx-amz-c: d"}


def told(command: Command) -> dict[str, str]:
    return {name: value for name, value in command.values.items() if name in ("store_ca", "store_proxy", "put_headers")}


def test_in_a_backup_each_script_learns_of_the_store_that_its_urls_are_for() -> None:
    services, nodes = three()
    services.grants.use, services.secrets_grants.use = SNAPSHOTS, SECRETS
    commands: list[Command] = []
    nodes.on_command = lambda _node, command: commands.append(command)
    through(nodes)
    manifest_of(services, run(services))
    of = {name: [told(each) for each in commands if name in each.secrets] for name in ("plan_url", "bundle_url")}
    assert of == {"plan_url": [OF_SNAPSHOTS], "bundle_url": [OF_SECRETS] * 3}
    others = [each for each in commands if not each.secrets]
    assert others
    assert not any(told(each) for each in others)


def test_where_the_store_asks_for_nothing_no_script_has_a_word_more() -> None:
    services, nodes = three()
    commands: list[Command] = []
    nodes.on_command = lambda _node, command: commands.append(command)
    through(nodes)
    manifest_of(services, run(services))
    assert not any(told(each) for each in commands)


@pytest.mark.parametrize(("grant", "wanted"), [("snapshot", OF_SNAPSHOTS), ("bundle", OF_SECRETS)])
def test_in_a_restore_too_whatever_the_plan_says_that_was_made_before(grant: Any, wanted: dict[str, str]) -> None:
    script = "fetch" if grant == "snapshot" else "fetch_bundle"
    steps = (step("fetch", "Restore", script, undo="forget_new", grant=grant),)
    bundles = {name: f"prod-1/20261120T120000Z-r-1a2b3c/{name}/bundle.tar" for name in NODES}
    scene = phase_scene(restore_plan(steps=steps, bundle_keys=bundles))
    scene.services.grants.use, scene.services.secrets_grants.use = SNAPSHOTS, SECRETS
    commands: list[Command] = []

    def program(_where: str, command: Command) -> CommandResult:
        commands.append(command)
        return CommandResult(0, json.dumps({"bytes": 544} if grant == "snapshot" else {"files": 1, "kept": 0}))

    scene.services.transport = MemoryTransport(NODES, program, looks=0)
    scene.go_through("Restore")
    assert [told(each) for each in commands] == [wanted] * len(NODES)
    assert "store_ca" not in scene.plan.model_dump_json()
