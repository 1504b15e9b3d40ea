"""What can be done with objects, whoever asks and however: the API's semantics over the store."""

from collections.abc import Callable, Iterator
from typing import Any

from holdfast.local.machines.apiserver import objects
from holdfast.local.machines.apiserver.kinds import Kind, kind_at
from holdfast.local.machines.apiserver.objects import User
from holdfast.local.machines.apiserver.refusals import (
    NoSuchPathError,
    already_there,
    conflict,
    invalid,
    not_found,
)
from holdfast.local.machines.apiserver.selecting import Selection
from holdfast.local.machines.apiserver.store import Store, Stored

type Object = dict[str, Any]

_TRIES = 20
_LEASES = kind_at("coordination.k8s.io", "v1", "leases")


class Resources:
    """`prefix` is what every key begins with; `grace_s` is how old a node's lease may be."""

    def __init__(self, store: Store, prefix: str, grace_s: float) -> None:
        self._store, self._prefix, self._grace_s = store, prefix, grace_s

    def check(self) -> None:
        """StoreAwayError while etcd does not answer linearizably."""
        self._store.range(f"{self._prefix}/health")

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        return self._read(kind, self._stored(kind, namespace, name))

    def list(self, kind: Kind, namespace: str, wanted: Selection) -> tuple[list[Object], int]:
        one = self._one(kind, namespace, wanted)
        found, revision = self._store.range(self._key(kind, namespace, one), prefix=not one)
        return [value for each in found if wanted.takes(value := self._read(kind, each))], revision

    def create(self, kind: Kind, namespace: str, given: Object, user: User) -> Object:
        value = objects.new(kind, namespace, given, user)
        name = str(value["metadata"]["name"])
        revision = self._store.create(self._key(kind, namespace, name), objects.written(value))
        if revision is None:
            raise already_there(kind, name)
        value["metadata"]["resourceVersion"] = str(revision)
        return value

    def replace(self, kind: Kind, namespace: str, name: str, given: Object, subresource: str) -> Object:
        version = given.get("metadata", {}).get("resourceVersion")
        if not version and kind.custom:
            raise invalid(kind, name, "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update")
        change = self._change(kind, subresource, lambda _before: given)
        return self._update(kind, namespace, name, change, version)

    def patch(self, kind: Kind, namespace: str, name: str, patch: Object, subresource: str) -> Object:
        change = self._change(kind, subresource, lambda before: objects.merged(before, patch))
        return self._update(kind, namespace, name, change, patch.get("metadata", {}).get("resourceVersion"))

    def delete(self, kind: Kind, namespace: str, name: str) -> Object:
        """With finalizers it stays until the last of them is taken away; the object then, otherwise a Status."""
        for _ in range(_TRIES):
            stored = self._stored(kind, namespace, name)
            value = objects.read(kind, stored)
            if value["metadata"].get("finalizers"):
                if value["metadata"].get("deletionTimestamp"):
                    return value
                dying = {"deletionTimestamp": objects.now(), "deletionGracePeriodSeconds": 0}
                value["metadata"] |= dying
                if kind.custom:
                    value["metadata"]["generation"] = value["metadata"].get("generation", 1) + 1
                revision = self._store.update(stored.key, objects.written(value), stored.revision)
                if revision is not None:
                    return _at(value, revision)
            elif self._store.delete(stored.key, stored.revision):
                details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": value["metadata"].get("uid")}
                said = {"status": "Success", "details": details}
                return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **said}
        raise conflict(kind, name)

    def watch(
        self, kind: Kind, namespace: str, wanted: Selection, since: int, timeout_s: float
    ) -> Iterator[tuple[str, Object]]:
        """Without a version to begin at, what there is comes first. CompactedError when that is gone."""
        one = self._one(kind, namespace, wanted)
        key = self._key(kind, namespace, one)
        if not since:
            found, since = self._store.range(key, prefix=not one)
            for each in found:
                if wanted.takes(value := self._read(kind, each)):
                    yield "ADDED", value
        for change in self._store.watch(key, since + 1, prefix=not one, timeout_s=timeout_s):
            if wanted.takes(value := self._read(kind, change.stored)):
                yield change.kind, value

    def _change(self, kind: Kind, subresource: str, given: Callable[[Object], Object]) -> Callable[[Object], Object]:
        if subresource and subresource not in kind.subresources:
            raise NoSuchPathError
        return lambda before: objects.replaced(kind, before, given(before), subresource)

    def _update(
        self, kind: Kind, namespace: str, name: str, change: Callable[[Object], Object], version: str | None
    ) -> Object:
        for _ in range(_TRIES):
            stored = self._stored(kind, namespace, name)
            if version and version != str(stored.revision):
                break
            before = objects.read(kind, stored)
            after = change(before)
            if after == before:
                return before
            metadata = after["metadata"]
            if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
                if self._store.delete(stored.key, stored.revision):
                    return after
                continue
            revision = self._store.update(stored.key, objects.written(after), stored.revision)
            if revision is not None:
                return _at(after, revision)
        raise conflict(kind, name)

    def _read(self, kind: Kind, stored: Stored) -> Object:
        value = objects.read(kind, stored)
        if kind.name != "Node" or _LEASES is None:
            return value
        lease = self._store.get(self._key(_LEASES, "kube-node-lease", value["metadata"]["name"]))
        return objects.with_readiness(value, objects.read(_LEASES, lease) if lease else None, self._grace_s)

    def _stored(self, kind: Kind, namespace: str, name: str) -> Stored:
        stored = self._store.get(self._key(kind, namespace, name))
        if stored is None:
            raise not_found(kind, name)
        return stored

    def _one(self, kind: Kind, namespace: str, wanted: Selection) -> str:
        """The name of the only one that can be meant; "" where others have to be looked at too."""
        return wanted.name if namespace or not kind.namespaced else ""

    def _key(self, kind: Kind, namespace: str, name: str = "") -> str:
        return kind.key(self._prefix, namespace, name)


def _at(value: Object, revision: int) -> Object:
    return {**value, "metadata": {**value["metadata"], "resourceVersion": str(revision)}}
