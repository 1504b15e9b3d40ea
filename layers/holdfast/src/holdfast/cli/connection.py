"""From the global options to services: one session, one look at the stack's outputs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from holdfast.errors import HoldfastError, InvalidInputError, PermanentError
from holdfast.settings import Settings

if TYPE_CHECKING:
    import boto3

    from holdfast.cli.options import GlobalOptions
    from holdfast.engine.services import Services


def connect(options: "GlobalOptions") -> "Services":
    """Fails with `endpoint_invalid`, `aws_profile_unknown`, `aws_credentials_missing`, `aws_region_missing`,
    `stack_missing`, `stack_not_ready`, and the codes of `stack_outputs`."""
    from holdfast.aws import client_config
    from holdfast.wiring import AwsServices

    _check_endpoint(options.endpoint_url)
    session = _session(options)
    config = client_config(attempts=3)
    cloudformation = session.client("cloudformation", endpoint_url=options.endpoint_url, config=config)
    outputs = stack_outputs(cloudformation, options.stack)
    return AwsServices(Settings.from_outputs(outputs), session, options.endpoint_url)


def _check_endpoint(url: str | None) -> None:
    parts = urlsplit(url or "https://aws")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(
            "endpoint_invalid", f"{url!r} is no endpoint", hint="it looks like http://127.0.0.1:4566"
        )


def _session(options: "GlobalOptions") -> "boto3.Session":
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        session = boto3.Session(profile_name=options.profile, region_name=options.region)
        credentials = session.get_credentials()
    except ProfileNotFound as error:
        raise InvalidInputError("aws_profile_unknown", str(error), hint="aws configure list-profiles") from error
    if credentials is None:
        raise PermanentError(
            "aws_credentials_missing",
            "no AWS credentials were found",
            hint=_or_embedded("set AWS_PROFILE or log in; without AWS, `holdfast local up`"),
        )
    if session.region_name is None:
        raise InvalidInputError("aws_region_missing", "no AWS region is set", hint="pass --region or set AWS_REGION")
    return session


def stack_outputs(cloudformation: Any, name: str) -> Mapping[str, str]:
    """The outputs of the stack `name`; `aws_unavailable`, `aws_access_denied`, `aws_refused` are AWS's own refusals."""
    from holdfast.aws import AwsErrors, error_text

    errors = AwsErrors(
        unavailable="aws_unavailable",
        denied="aws_access_denied",
        refused="aws_refused",
        denied_hint="the command line needs cloudformation:DescribeStacks on the stack",
    )
    try:
        with errors.read(f"look at the stack {name}"):
            try:
                stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            except cloudformation.exceptions.ClientError as error:
                if "does not exist" not in error_text(error):
                    raise
                raise _missing(name) from error
    except HoldfastError as error:
        if error.code == "aws_unavailable":
            raise type(error)(error.code, error.message, hint=_or_embedded(error.hint)) from error
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if not outputs:
        raise PermanentError(
            "stack_not_ready",
            f"the stack {name} is {stack['StackStatus']} and has no outputs",
            hint="wait until it is deployed, or look at its events",
        )
    return outputs


def _missing(name: str) -> PermanentError:
    return PermanentError(
        "stack_missing",
        f"there is no stack {name} in this account and region",
        hint=_or_embedded("deploy it with `sam deploy`, name another with --stack, or run `holdfast local up`"),
    )


def _or_embedded(hint: str) -> str:
    """An embedded stack is never used unasked, but somebody who has one running probably meant it."""
    from holdfast.local import stack
    from holdfast.local.home import find

    try:
        running = stack.status(find())
    except HoldfastError:
        return hint
    return f"{hint}; an embedded stack runs here: {running.export_line}" if running else hint
