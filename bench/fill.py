"""Fills an etcd with Kubernetes-like values, so that a measurement has something true to life to read.

    python -m bench.fill --endpoint http://127.0.0.1:2379 --mb 400

Writes through etcd's JSON gateway (a client for measuring should not be the client that is measured). Values are 1 to
3 KB, look like stored Pods and compress about as well; the same arguments write the same keys and values.
"""

import argparse
import base64
import hashlib
import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

PUTS_IN_A_TRANSACTION = 100  # etcd refuses more than 128 operations
ENVIRONMENT = 'k8s\0{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s","uid":"%s","labels":{"app":"%s"}},"spec":'
VARIABLE = '{"name":"SETTING_%d","valueFrom":{"secretKeyRef":{"name":"%s","key":"value","optional":false}}},'


def pod(number: int) -> tuple[bytes, bytes]:
    """The key and the value of one made-up Pod; what varies is drawn from a hash of its number."""
    digest = hashlib.sha256(number.to_bytes(8, "big")).hexdigest()
    name = f"service-{number % 97}-{digest[:10]}"
    head = ENVIRONMENT % (name, digest[:32], f"service-{number % 97}")
    variables = "".join(VARIABLE % (i, digest[i : i + 20]) for i in range(8 + int(digest[-2:], 16) % 18))
    return f"/registry/pods/team-{number % 41:02d}/{name}".encode(), f"{head}[{variables}{digest * 4}]}}".encode()


def puts(megabytes: int) -> Iterator[list[dict[str, object]]]:
    """Groups of put operations in the form of the JSON gateway, until `megabytes` (10^6) of values are out."""
    written = number = 0
    while written < megabytes * 1_000_000:
        group: list[dict[str, object]] = []
        for _ in range(PUTS_IN_A_TRANSACTION):
            key, value = pod(number)
            written, number = written + len(value), number + 1
            pair = {"key": base64.b64encode(key).decode(), "value": base64.b64encode(value).decode()}
            group.append({"requestPut": pair})
        yield group


def fill(endpoint: str, megabytes: int) -> int:
    """Puts `megabytes` of values into the etcd at `endpoint` (http only) and answers how many keys that were."""
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port or 2379, timeout=60)
    keys = 0
    for group in puts(megabytes):
        connection.request("POST", "/v3/kv/txn", json.dumps({"success": group}))
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.HTTPStatus.OK:
            raise SystemExit(f"etcd refused a transaction: {response.status} {answer[:300].decode(errors='replace')}")
        keys += len(group)
    return keys


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="fill an etcd with Kubernetes-like values")
    parser.add_argument("--endpoint", default="http://127.0.0.1:2379")
    parser.add_argument("--mb", type=int, default=400)
    arguments = parser.parse_args()
    print(f"{fill(arguments.endpoint, arguments.mb)} keys")
