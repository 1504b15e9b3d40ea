"""Folders, template and settings describe the same functions."""

import re
from collections.abc import Iterable

import pytest

from holdfast.errors import InvalidInputError
from holdfast.settings import PREFIX, Settings
from holdfast.wiring import AwsServices
from template.handlers import OPTIONAL, USES, handler_of
from template.stack import ROOT, declared_machines, functions, machine, resources, stack

LONGEST = 40
# Functions that are no state of a state machine.
OUTSIDE = {"check_freshness", "notify_slack", "notify_webhook", "start_backup"}
FOLDERS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__")


def test_every_folder_is_a_function_of_the_template_and_the_other_way_round() -> None:
    assert sorted(functions()) == FOLDERS
    assert set(USES) == set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_function_is_named_after_its_folder_everywhere(name: str) -> None:
    function = functions()[name]
    camel = "".join(part.capitalize() for part in name.split("_"))
    logs = resources("AWS::Logs::LogGroup")[f"{camel}Logs"]
    assert function.logical_id == f"{camel}Function"
    assert function.role == f"{camel}Role"
    assert function.properties["CodeUri"] == f"functions/{name}"
    assert function.properties["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name.replace('_', '-')}"}
    assert function.properties["LoggingConfig"]["LogGroup"] == {"Ref": f"{camel}Logs"}
    assert logs["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{name.replace('_', '-')}"}


def test_every_log_group_forgets() -> None:
    for name, group in resources("AWS::Logs::LogGroup").items():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


@pytest.mark.parametrize("name", FOLDERS)
def test_a_function_is_short_and_has_a_handler(name: str) -> None:
    lines = (ROOT / "functions" / name / "app.py").read_text().splitlines()
    assert len(lines) <= LONGEST
    assert callable(handler_of(name))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_function_calls_its_phase_as_the_state_machine_does(name: str) -> None:
    """The phase goes into error messages, metrics and the outcome: it must be the state's name."""
    text = (ROOT / "functions" / name / "app.py").read_text()
    (phase,) = re.findall(r'@state\("(\w+)"', text)
    definition, _, rest = name.partition("_")
    if name == "restore_phase":
        definition, phase = "phase", "Work"
    if name in OUTSIDE or rest == "stopped":
        assert phase not in machine()["States"] | machine("restore")["States"]
    else:
        called = machine(definition)["States"][phase]["Parameters"]["FunctionName"]
        assert called == f"${{{functions()[name].logical_id}}}"


@pytest.mark.parametrize("name", FOLDERS)
def test_the_environment_names_settings_and_nothing_else(name: str) -> None:
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert set(functions()[name].environment) <= known


@pytest.mark.parametrize("name", FOLDERS)
def test_the_environment_is_enough_for_what_the_function_uses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building a service asks for its settings, and fails with `setting_missing` where one is not there."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    services = AwsServices(Settings.from_environment(filled(functions()[name].environment)))
    for service in USES[name]:
        assert getattr(services, service) is not None


# Of settings that do not take any word, one that fits; no public key has to be in the list of them.
FITTING = {"HOLDFAST_FOUR_EYES": "no", "FourEyes": "no", "HOLDFAST_TRUSTED_KEYS": "", "TrustedKeys": ""} | {
    "HOLDFAST_COPY_REGION": "eu-west-1",
    "CopyRegion": "eu-west-1",
}


def filled(names: Iterable[str]) -> dict[str, str]:
    """A value for each variable or output that Settings takes, JSON too."""
    return {name: FITTING.get(name, "{}") for name in names}


def test_who_signs_is_told_the_key_and_who_looks_at_signatures_the_trusted_ones_too() -> None:
    told = {name: set(each.environment) for name, each in functions().items()}
    using = {name for name, used in USES.items() if "signing" in used}
    assert {name for name, variables in told.items() if "HOLDFAST_SIGNING_KEY_ARN" in variables} == using
    assert {name for name, variables in told.items() if "HOLDFAST_TRUSTED_KEYS" in variables} == using - {"backup_seal"}


def test_services_ask_for_settings_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above could not fail."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    empty = AwsServices(Settings())
    for service in set().union(*USES.values()) - {"credentials", "copies", "four_eyes"} - OPTIONAL:
        with pytest.raises(InvalidInputError, match="setting_missing"):
            getattr(empty, service)


def test_every_setting_that_the_command_line_needs_is_an_output_of_the_stack() -> None:
    outputs = filled(stack()["Outputs"])
    settings = Settings.from_outputs(outputs)
    assert {
        field for field in Settings.model_fields if field not in ("notify_secret", "work_dir")
    } <= settings.model_fields_set


def test_functions_run_on_the_python_of_the_project() -> None:
    wanted = (ROOT / ".python-version").read_text().strip()
    assert stack()["Globals"]["Function"]["Runtime"] == f"python{wanted}"
    for layer in resources("AWS::Serverless::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == [f"python{wanted}"]


def test_every_function_is_traced() -> None:
    assert stack()["Globals"]["Function"]["Tracing"] == "Active"
    for declared in declared_machines().values():
        assert declared["Tracing"] == {"Enabled": True}


def test_verify_has_room_for_the_largest_database_that_etcd_allows() -> None:
    assert functions()["backup_verify"].properties["EphemeralStorage"]["Size"] > 8 * 1024
