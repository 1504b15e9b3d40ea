"""What a step of a restore ends on its node before it begins: a node that was away may still be at work."""

import pytest

from builders.changes import restore_plan
from builders.phases import STEPS, PhaseScene, phase_scene
from holdfast.errors import HoldfastError, TransientError
from holdfast.models.command import Command, CommandResult
from holdfast.transports.base import Running


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> PhaseScene:
    """Its stop-api has failed: n2 went away when it had begun there, and is back now."""
    made = phase_scene(restore_plan(steps=STEPS), looks=5)
    before = made.look("Shutdown")
    run = made.transport.run

    def away(node: str, key: str, command: Command, handle: str = "") -> Running | CommandResult:
        if node == "n2":
            raise TransientError("node_unreachable", "n2: no route to host")
        return run(node, key, command, handle)

    with monkeypatch.context() as patched:
        patched.setattr(made.transport, "run", away)
        with pytest.raises(HoldfastError, match="no route to host"):
            made.go_through("Shutdown", before)
    return made


def test_the_attempt_of_a_resumed_run_ends_the_one_before_it(scene: PhaseScene) -> None:
    scene.look("Shutdown")
    assert scene.transport.cancelled == [("n2", f"{scene.run.run_id}.shutdown.stop-api.1")]
    assert scene.transport.started[-1] == ("n2", f"{scene.run.run_id}.shutdown.stop-api.2")


def test_taking_a_step_back_ends_the_step_first(scene: PhaseScene) -> None:
    scene.look("Rollback")
    assert ("n2", f"{scene.run.run_id}.shutdown.stop-api.1") in scene.transport.cancelled
