"""Writes every event that it gets into the table."""

import json
import os
import uuid
from typing import Any

import boto3


def handler(event: dict[str, Any], _context: Any) -> None:
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    kind = event.get("detail-type", "schedule")
    table.put_item(Item={"pk": kind, "sk": uuid.uuid4().hex, "event": json.dumps(event)})
