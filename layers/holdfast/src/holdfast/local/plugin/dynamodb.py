"""DynamoDB on moto: LocalStack's own provider downloads a Java program at its first use."""

from typing import Any

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="dynamodb", name="moto")  # type: ignore[untyped-decorator]
def dynamodb_on_moto() -> Any:
    from localstack.aws.api.dynamodb import DynamodbApi
    from localstack.services.moto import MotoFallbackDispatcher

    class MotoDynamoDb(DynamodbApi):  # type: ignore[misc] # untyped base class
        """Every operation falls through to moto."""

    return Service.for_provider(MotoDynamoDb(), dispatch_table_factory=MotoFallbackDispatcher)
