"""Settings from a function's environment and from a stack's outputs are the same, and a wrong one is named."""

import pytest

from holdfast.errors import InvalidInputError
from holdfast.models.storage import StorageSpec
from holdfast.settings import Settings


def test_environment_and_outputs_name_the_same_settings() -> None:
    from_environment = Settings.from_environment(
        {"HOLDFAST_TABLE": "t", "HOLDFAST_STATE_MACHINE_ARN": "a", "PATH": "/bin"}
    )
    from_outputs = Settings.from_outputs({"Table": "t", "StateMachineArn": "a", "Other": "x"})
    assert from_environment == from_outputs == Settings(table="t", state_machine_arn="a")


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(InvalidInputError) as raised:
        Settings().require("topic_arn")
    assert raised.value.code == "setting_missing"
    assert "HOLDFAST_TOPIC_ARN" in raised.value.message


def test_an_impossible_value_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError) as raised:
        Settings.from_environment({"HOLDFAST_STORAGE": '{"checksums": "crc"}'})
    assert raised.value.code == "setting_invalid"
    assert "storage.checksums" in raised.value.message


def test_the_storage_is_json_and_anything_else_is_refused_by_name() -> None:
    assert Settings.from_environment({"HOLDFAST_STORAGE": ""}).storage == StorageSpec()
    assert Settings.from_environment({"HOLDFAST_STORAGE": '{"checksums": "none"}'}).storage.checksums == "none"
    with pytest.raises(InvalidInputError) as raised:
        Settings.from_outputs({"Storage": "checksums: none"})
    assert raised.value.code == "setting_invalid"
    assert raised.value.message.startswith("storage: ")
