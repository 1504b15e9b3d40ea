"""Does what its event says; the regression test of the embedded stack invokes it."""

import os
import signal
import sys
import time
from typing import Any

import boto3
from greeting import greet


class ProbeError(Exception):
    """Raised on request."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    sys.stdout.write(f"probe {event}\n")
    match event["do"]:
        case "greet":
            return {"greeting": greet(event["name"]), "arn": context.invoked_function_arn, "pid": os.getpid()}
        case "environment":
            return {"environment": dict(os.environ), "python": list(sys.version_info[:2]), "path": sys.path}
        case "raise":
            raise ProbeError("as told")
        case "sleep":
            time.sleep(event["seconds"])
            return {"pid": os.getpid()}
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
            return {}
        case "chatter":
            sys.stdout.write("x" * event["bytes"] + "\n")
            return {}
        case "whoami":
            return {"arn": boto3.client("sts").get_caller_identity()["Arn"]}
        case "put":
            boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=event["key"], Body=b"x")
            return {}
        case "delete":
            boto3.client("s3").delete_object(Bucket=os.environ["BUCKET"], Key=event["key"])
            return {}
        case other:
            raise ValueError(other)
