"""A bucket's default encryption, as the template says it: LocalStack 4.14.0 makes the bucket and leaves it out.

With it objects say under which key they lie, a disabled key refuses to read them, and the IAM gate knows which key a
call needs.
"""

from typing import Any


def install() -> None:
    from localstack.services.s3.resource_providers.aws_s3_bucket import S3BucketProvider

    made = S3BucketProvider.create

    def create(self: Any, request: Any) -> Any:
        event = made(self, request)
        if rules := rules_of(request.desired_state):
            request.aws_client_factory.s3.put_bucket_encryption(
                Bucket=request.desired_state["BucketName"], ServerSideEncryptionConfiguration={"Rules": rules}
            )
        return event

    S3BucketProvider.create = create


def rules_of(model: dict[str, Any]) -> list[dict[str, Any]]:
    """In the spelling of S3's own API: CloudFormation has one word less in it."""
    declared = (model.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or []
    return [
        {
            "ApplyServerSideEncryptionByDefault": dict(rule["ServerSideEncryptionByDefault"]),
            "BucketKeyEnabled": str(rule.get("BucketKeyEnabled", False)).lower() == "true",
        }
        for rule in declared
        if rule.get("ServerSideEncryptionByDefault")
    ]
