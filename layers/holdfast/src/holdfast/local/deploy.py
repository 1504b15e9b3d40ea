"""Deploys the template as it is: upload what its local paths name, create the stack, wait.

Always a new stack: LocalStack 4.14.0 reports an update of a role's policies as done and does not apply it.
"""

import json
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from holdfast.errors import PermanentError
from holdfast.local import artifacts, template

REGION = "eu-west-1"
ARTIFACTS_BUCKET = "holdfast-artifacts"
STACK = "holdfast"
# LocalStack's parser names everything that it would have taken instead.
REASON_CHARACTERS = 400
POLL_S = 0.4
DEADLINE_S = 180.0
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def client(service: str, endpoint: str) -> Any:
    """Test credentials, so that nothing here can reach a real account even if the endpoint were wrong."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - LocalStack takes any
        config=Config(retries={"max_attempts": 2}, max_pool_connections=8),
    )


def build(path: Path, builds: Path, progress: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, Path]]:
    """The template as read, and for each logical id with a local path the file that stands for it."""
    content = template.read(path)
    files: dict[str, Path] = {}
    for local in template.local_paths(content, path.parent):
        if local.path.is_file():
            files[local.logical_id] = local.path
            continue
        target = f"build-{local.logical_id}" if local.build_method == "makefile" else None
        source = artifacts.Source(local.logical_id, local.path, target)
        files[local.logical_id] = artifacts.archive(source, builds, progress).path
    return content, files


def deploy(
    endpoint: str,
    content: Mapping[str, Any],
    files: Mapping[str, Path],
    parameters: Mapping[str, str],
    progress: Callable[[str], None],
) -> dict[str, str]:
    """The stack's outputs. Fails with `deploy_failed` and the reasons of the resources that failed."""
    s3 = client("s3", endpoint)
    s3.create_bucket(Bucket=ARTIFACTS_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    progress(f"uploading {len(files)} artefacts")

    def upload(logical_id: str) -> tuple[str, str]:
        path = files[logical_id]
        key = f"{logical_id}/{path.name}"
        s3.upload_file(str(path), ARTIFACTS_BUCKET, key)
        return logical_id, f"s3://{ARTIFACTS_BUCKET}/{key}"

    with ThreadPoolExecutor(max_workers=4) as pool:
        uris = dict(pool.map(upload, files))
    body = json.dumps(template.with_locations(content, uris))
    # Through S3, as `sam deploy` does: a body in the call may have 51,200 bytes only.
    s3.put_object(Bucket=ARTIFACTS_BUCKET, Key="template.json", Body=body.encode())
    cloudformation = client("cloudformation", endpoint)
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/{ARTIFACTS_BUCKET}/template.json",
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        DisableRollback=True,
    )
    return _wait(cloudformation, len(content["Resources"]), progress)


def _wait(cloudformation: Any, declared: int, progress: Callable[[str], None]) -> dict[str, str]:
    deadline = time.monotonic() + DEADLINE_S
    reported = 0
    while time.monotonic() < deadline:
        # One call per round: describing costs LocalStack the time in which it would create something.
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        states = {event["LogicalResourceId"]: event["ResourceStatus"] for event in reversed(events)}
        status = states.pop(STACK, "CREATE_IN_PROGRESS")
        if not status.endswith("_IN_PROGRESS"):
            return _outputs(cloudformation, events)
        created = sum(state == "CREATE_COMPLETE" for state in states.values())
        if created > reported:
            progress(
                f"creating resources: {created} done (the template names {declared}, SAM adds roles and permissions)"
            )
            reported = created
        time.sleep(POLL_S)
    raise PermanentError("deploy_failed", f"the stack was not created within {DEADLINE_S:.0f} s")


def _outputs(cloudformation: Any, events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise PermanentError("deploy_failed", f"the stack is {stack['StackStatus']}:\n{failure_reasons(stack, events)}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def failure_reasons(stack: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """One line for each resource that says why it failed; what was only cancelled with it says nothing."""
    lines = [
        f"  {event['LogicalResourceId']}: {textwrap.shorten(event['ResourceStatusReason'], REASON_CHARACTERS)}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    ]
    return "\n".join(lines) or f"  {stack.get('StackStatusReason', 'no reason given')}"
