"""What `up` and `status` make of a state that a crash, another program or another command left."""

import fcntl
import json
import os
import uuid
from pathlib import Path

import pytest

from builders import embedded
from holdfast.errors import InvalidInputError, RefusedError
from holdfast.local import stack

STATE = {"port": 1, "started_at": "2026-11-20T18:00:00Z", "iam": "record", "outputs": {}}


def test_a_process_id_that_belongs_to_another_program_now_is_no_stack(tmp_path: Path) -> None:
    home = embedded.home(tmp_path)
    home.state.write_text(json.dumps({**STATE, "stack_id": uuid.uuid4().hex, "pid": os.getpid()}))

    assert stack.status(home) is None
    assert stack.down(home) is False
    assert not home.state.exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stack_id": 1}'])
def test_a_state_file_that_a_crash_left_half_written_is_no_stack(tmp_path: Path, text: str) -> None:
    home = embedded.home(tmp_path)
    home.state.write_text(text)

    assert stack.status(home) is None
    assert stack.down(home) is False


def test_nothing_runs_in_a_new_home(tmp_path: Path) -> None:
    assert stack.status(embedded.home(tmp_path / "new")) is None
    assert stack.down(embedded.home(tmp_path / "new")) is False


def test_an_unknown_iam_mode_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_LOCAL_IAM", "off")

    with pytest.raises(InvalidInputError) as caught:
        stack.up(embedded.home(tmp_path), lambda _: None)

    assert caught.value.code == "iam_mode_invalid"


def test_two_commands_at_a_time_are_refused(tmp_path: Path) -> None:
    home = embedded.home(tmp_path)
    with home.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RefusedError) as caught:
            stack.down(home)

    assert caught.value.code == "stack_busy"
