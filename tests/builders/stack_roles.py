"""Sessions of the roles on an embedded stack of the product, and of roles that a test makes for people."""

import json
from typing import Any

import boto3

from builders.product import Product
from holdfast.local.deploy import STACK
from holdfast.settings import Settings
from holdfast.wiring import AwsServices

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def physical(product: Product, logical_id: str) -> str:
    found = product.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def session_as(product: Product, role: str, name: str, *, client: Any = None) -> boto3.Session:
    """`role` is a role's name on the stack; `client` is for STS in another account."""
    sts = client or product.client("sts")
    account = sts.get_caller_identity()["Account"]
    answer = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName=name)["Credentials"]
    return boto3.Session(
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
        region_name=product.info.region,
    )


def make_role(iam: Any, name: str, *policies: str, may: list[dict[str, Any]] | None = None) -> str:
    """A role with these managed policies attached, or with statements of its own; its name."""
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    for arn in policies:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    if may:
        document = {"Version": "2012-10-17", "Statement": may}
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))
    return name


def services_as(product: Product, session: boto3.Session) -> AwsServices:
    return AwsServices(Settings.from_outputs(product.info.outputs), session, product.info.endpoint)
