"""Objects in etcd, through the JSON gateway of a member, with mutual TLS."""

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

type _Member = tuple[str, int]

TIMEOUT_S = 2.0


class StoreAwayError(Exception):
    """etcd did not answer in time, or has no leader."""


class CompactedError(Exception):
    """What is to be watched was compacted away."""


@dataclass(frozen=True)
class Stored:
    """`revision` is the one of its last change. `value` is empty for what was deleted."""

    key: str
    value: bytes
    revision: int


@dataclass(frozen=True)
class Change:
    kind: str
    stored: Stored


class Store:
    """Used by many threads, each with a connection of its own, to the first of `members` (host, port) that answers."""

    def __init__(self, members: Sequence[_Member], authority: str, certificate: str, key: str) -> None:
        self._members = tuple(members)
        self._context = ssl.create_default_context(cafile=authority)
        self._context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # authorities of a test cluster name no key
        self._context.load_cert_chain(certificate, key)
        self._local = threading.local()

    def range(self, key: str, *, prefix: bool = False) -> tuple[list[Stored], int]:
        """What there is, with the revision of the whole database."""
        answer = self._call("/v3/kv/range", _range(key, prefix))
        return [_stored(each) for each in answer.get("kvs", [])], int(answer["header"]["revision"])

    def get(self, key: str) -> Stored | None:
        return next(iter(self.range(key)[0]), None)

    def create(self, key: str, value: bytes) -> int | None:
        """The revision, None when there is something already."""
        compare = {"key": _text(key), "target": "CREATE", "result": "EQUAL", "create_revision": "0"}
        return self._put(key, value, [compare])

    def update(self, key: str, value: bytes, revision: int) -> int | None:
        """The revision, None when it was changed after `revision`."""
        compare = {"key": _text(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
        return self._put(key, value, [compare])

    def delete(self, key: str, revision: int) -> bool:
        """False when it was changed after `revision`, or is gone."""
        compare = {"key": _text(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
        delete = {"request_delete_range": {"key": _text(key)}}
        return bool(self._call("/v3/kv/txn", {"compare": [compare], "success": [delete]}).get("succeeded"))

    def watch(self, key: str, since: int, *, prefix: bool, timeout_s: float) -> Iterator[Change]:
        """Changes from revision `since` on, until nothing came for `timeout_s`, or the caller leaves."""
        request = _range(key, prefix) | {"start_revision": str(since), "prev_kv": True}
        self._call("/v3/kv/range", _range(key, False))  # so that a member that answers is known
        connection = self._connection(self._local.kept[0], timeout_s)
        try:
            connection.request("POST", "/v3/watch", json.dumps({"create_request": request}))
            answer = connection.getresponse()
            while line := answer.readline():
                yield from _changes(json.loads(line))
        except TimeoutError:
            return
        except OSError as error:
            raise StoreAwayError(str(error)) from error
        finally:
            connection.close()

    def _put(self, key: str, value: bytes, compare: list[dict[str, str]]) -> int | None:
        put = {"request_put": {"key": _text(key), "value": base64.b64encode(value).decode()}}
        answer = self._call("/v3/kv/txn", {"compare": compare, "success": [put]})
        return int(answer["header"]["revision"]) if answer.get("succeeded") else None

    def _call(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """By the kept connection, which may turn out to be closed, then by a new one to each member."""
        kept: tuple[_Member, http.client.HTTPSConnection] | None = getattr(self._local, "kept", None)
        self._local.kept = None
        failed: Exception = StoreAwayError("no member is known")
        for member in ([kept[0]] if kept else []) + list(self._members):
            connection, kept = (kept[1] if kept else self._connection(member, TIMEOUT_S)), None
            try:
                connection.request("POST", path, json.dumps(request))
                answer = connection.getresponse()
                body = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                failed = error
                continue
            if answer.status == http.HTTPStatus.OK:
                self._local.kept = member, connection
                return dict(body)
            failed = StoreAwayError(str(body.get("message", body)))
        raise StoreAwayError(str(failed)) from failed

    def _connection(self, member: _Member, timeout_s: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(*member, timeout=timeout_s, context=self._context)


def _range(key: str, prefix: bool) -> dict[str, Any]:
    end = key[:-1] + chr(ord(key[-1]) + 1)
    return {"key": _text(key)} | ({"range_end": _text(end)} if prefix else {})


def _text(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


def _stored(pair: dict[str, str]) -> Stored:
    decode = base64.b64decode
    return Stored(decode(pair["key"]).decode(), decode(pair.get("value", "")), int(pair["mod_revision"]))


def _changes(line: dict[str, Any]) -> Iterator[Change]:
    result = line.get("result", {})
    if result.get("compact_revision") or result.get("canceled") or "error" in line:
        raise CompactedError(str(line))
    for event in result.get("events", []):
        pair = event["kv"]
        if event.get("type") == "DELETE":
            before = base64.b64decode(event.get("prev_kv", {}).get("value", ""))
            gone = Stored(base64.b64decode(pair["key"]).decode(), before, int(pair["mod_revision"]))
            yield Change("DELETED", gone)
        else:
            yield Change("ADDED" if pair["create_revision"] == pair["mod_revision"] else "MODIFIED", _stored(pair))
