"""The registry of clusters and their schedules, kept in step: either both change or neither does."""

from contextlib import suppress
from typing import Literal

from holdfast.engine.services import Services
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.models.base import Model
from holdfast.models.cluster import ClusterSpec, EtcdTransport, KubernetesTransport, SshTransport, Transport
from holdfast.models.schedule import Purpose, ScheduleRequest
from holdfast.planning.schedule import schedule_request, watch_request
from holdfast.planning.storage_places import met_by, places_of


class Applied(Model):
    """`watch` is the schedule that looks for another release of the cluster."""

    cluster_id: str
    change: Literal["created", "updated", "unchanged"]
    schedule: ScheduleRequest | None
    watch: ScheduleRequest | None = None


def apply_cluster(services: Services, spec: ClusterSpec, *, replace: bool = False) -> Applied:
    """Store the spec and make its schedule so. The credentials are read once, so that a wrong name fails here and now.

    RefusedError `cluster_exists` when the id is taken by what looks like another cluster: another driver, or endpoints
    of which none is the same; `storage_moved` when its backups would be looked for in another place than where they
    are. `replace` says that it is meant. `storage_shared` when two clusters' objects would mix.
    """
    request, watch = schedule_request(spec), watch_request(spec)
    _read_credentials(services, spec)
    before = _known(services, spec.id, replace=replace)
    if before is not None and not replace:
        _refuse_another(before, spec)
        _refuse_moved_storage(before, spec)
    _refuse_shared_place(services, spec)
    # Somebody may register the same id at this moment: then the store refuses, and theirs stays.
    services.clusters.put(spec, replace=replace or before is not None)
    try:
        _apply_schedule(services, spec.id, "version-watch", watch)
        _apply_schedule(services, spec.id, "backup", request)
    except HoldfastError:
        _put_back(services, spec.id, before)
        raise
    return Applied(cluster_id=spec.id, change=_change(before, spec), schedule=request, watch=watch)


def _refuse_shared_place(services: Services, spec: ClusterSpec) -> None:
    """Ids differ, so that only a folder can lead into another cluster's objects: its own, or the other's."""
    # What a newer Holdfast wrote about another cluster must not keep this one from being registered.
    others, _ = services.clusters.readable()
    other = met_by(spec, others)
    if other is not None:
        raise RefusedError(
            "storage_shared",
            f"the objects of {spec.id} and of {other.id} would lie in one another's place in the bucket",
            hint="choose another folder in the storage of one of them",
        )


def _read_credentials(services: Services, spec: ClusterSpec) -> None:
    _read_credentials_of(services, spec.transport)
    if spec.storage is not None and spec.storage.credentials and spec.storage.secrets_credentials:
        services.credentials.store_keys(spec.storage.credentials)
        services.credentials.store_keys(spec.storage.secrets_credentials)


def _read_credentials_of(services: Services, transport: Transport) -> None:
    if isinstance(transport, EtcdTransport):
        services.credentials.etcd_tls(transport.credentials)
    elif isinstance(transport, SshTransport):
        services.credentials.ssh_key(transport.credentials)
        if transport.jump and transport.jump.credentials:
            services.credentials.ssh_key(transport.jump.credentials)
    elif isinstance(transport, KubernetesTransport):
        services.credentials.kubernetes(transport.credentials)
        if transport.etcd_credentials:
            services.credentials.etcd_tls(transport.etcd_credentials)


def _known(services: Services, cluster_id: str, *, replace: bool) -> ClusterSpec | None:
    """The stored spec. One that cannot be read any more counts as none when it is to be replaced anyway."""
    absent = {"cluster_unknown", "cluster_unreadable"} if replace else {"cluster_unknown"}
    try:
        return services.clusters.get(cluster_id)
    except PermanentError as error:
        if error.code not in absent:
            raise
        return None


def _refuse_another(before: ClusterSpec, spec: ClusterSpec) -> None:
    same_driver = before.driver == spec.driver
    same_place = set(before.transport.places) & set(spec.transport.places)
    if same_driver and same_place:
        return
    what = "driver" if not same_driver else "endpoints"
    raise RefusedError(
        "cluster_exists",
        f"id {spec.id} belongs to a cluster with another {what}; two clusters under one id would mix their backups",
        hint="choose another id, or pass --replace if this is the same cluster in a new place",
    )


def _refuse_moved_storage(before: ClusterSpec, spec: ClusterSpec) -> None:
    """Backups do not follow: retention, listings and restores would know only what is made from now on."""
    if places_of(before) == places_of(spec):
        return
    raise RefusedError(
        "storage_moved",
        f"the storage of {spec.id} leads to another place; the backups that there are stay in the old one, unseen",
        hint="copy them to the new place, then pass --replace; until then the old file finds them",
    )


def _apply_schedule(services: Services, cluster_id: str, purpose: Purpose, request: ScheduleRequest | None) -> None:
    """A schedule that is as it should be is left alone: setting it again may start a rate's interval anew."""
    if request is None:
        services.schedules.remove(cluster_id, purpose)
    elif services.schedules.get(cluster_id, purpose) != request:
        services.schedules.apply(request)


def _put_back(services: Services, cluster_id: str, before: ClusterSpec | None) -> None:
    if before is None:
        services.clusters.remove(cluster_id)
        with suppress(HoldfastError):  # a watch without a spec ends quietly each time, until the file is applied again
            services.schedules.remove(cluster_id, "version-watch")
    else:
        services.clusters.put(before, replace=True)


def _change(before: ClusterSpec | None, spec: ClusterSpec) -> Literal["created", "updated", "unchanged"]:
    if before is None:
        return "created"
    return "unchanged" if before == spec else "updated"


def remove_cluster(services: Services, cluster_id: str) -> None:
    """Its schedules go first: a schedule without a spec would fail every night. Backups stay where they are.

    PermanentError `cluster_unknown` when there was none of that id.
    """
    services.schedules.remove(cluster_id, "version-watch")
    services.schedules.remove(cluster_id)
    if not services.clusters.remove(cluster_id):
        raise PermanentError(
            "cluster_unknown", f"no cluster {cluster_id} is registered", hint="holdfast cluster list shows them"
        )
