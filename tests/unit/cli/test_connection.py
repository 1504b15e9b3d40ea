"""From options to services: each way that it can go wrong has its own code and a hint."""

from pathlib import Path

import pytest

from builders.moto_aws import AnswersWith, moto_aws
from holdfast.cli.connection import connect, stack_outputs
from holdfast.cli.options import GlobalOptions
from holdfast.errors import HoldfastError, PermanentError, TransientError

TEMPLATE = """
Resources: {Topic: {Type: AWS::SNS::Topic}}
Outputs: {TopicArn: {Value: !Ref Topic}, Table: {Value: holdfast}}
"""
WITHOUT_OUTPUTS = "Resources: {Topic: {Type: AWS::SNS::Topic}}"


@pytest.fixture(autouse=True)
def _an_environment_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, no profile, no embedded stack, no instance metadata."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.chdir(tmp_path)


def with_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def code_of(options: GlobalOptions) -> str:
    with pytest.raises(HoldfastError) as raised:
        connect(options)
    assert raised.value.hint
    return raised.value.code


def test_no_credentials_is_an_error_that_names_the_way_out() -> None:
    assert code_of(GlobalOptions()) == "aws_credentials_missing"


def test_a_profile_that_does_not_exist_is_named() -> None:
    assert code_of(GlobalOptions(profile="nobody")) == "aws_profile_unknown"


def test_no_region_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with_credentials(monkeypatch)
    assert code_of(GlobalOptions()) == "aws_region_missing"


@pytest.mark.parametrize("url", ["localhost:4566", "ftp://x", "http://"])
def test_an_endpoint_that_is_none_is_refused(url: str) -> None:
    assert code_of(GlobalOptions(endpoint_url=url)) == "endpoint_invalid"


def test_nobody_at_the_endpoint_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    with_credentials(monkeypatch)
    # Port 9 (discard) is bound by nobody; the connection is refused at once.
    options = GlobalOptions(endpoint_url="http://127.0.0.1:9", region="eu-west-1")
    assert code_of(options) == "aws_unavailable"


def test_the_outputs_of_the_stack_are_the_settings() -> None:
    with moto_aws() as client:
        cloudformation = client("cloudformation")
        cloudformation.create_stack(StackName="mine", TemplateBody=TEMPLATE)
        outputs = stack_outputs(cloudformation, "mine")
    assert outputs["Table"] == "holdfast"
    assert outputs["TopicArn"].startswith("arn:aws:sns:")


def test_a_stack_that_is_not_there_is_told_from_one_that_is_not_ready() -> None:
    with moto_aws() as client:
        cloudformation = client("cloudformation")
        with pytest.raises(PermanentError) as missing:
            stack_outputs(cloudformation, "holdfast")
        cloudformation.create_stack(StackName="holdfast", TemplateBody=WITHOUT_OUTPUTS)
        with pytest.raises(PermanentError) as unready:
            stack_outputs(cloudformation, "holdfast")
    assert missing.value.code == "stack_missing"
    assert "holdfast local up" in missing.value.hint
    assert unready.value.code == "stack_not_ready"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("AccessDenied", "aws_access_denied"),
        ("InvalidClientTokenId", "aws_access_denied"),
        ("Throttling", "aws_unavailable"),
        ("SomethingNew", "aws_refused"),
    ],
)
def test_what_aws_answers_becomes_ours(answer: str, code: str) -> None:
    with moto_aws() as client, pytest.raises(HoldfastError) as raised:
        stack_outputs(AnswersWith(client("cloudformation"), answer), "holdfast")
    assert raised.value.code == code
    assert isinstance(raised.value, TransientError) is (code == "aws_unavailable")
