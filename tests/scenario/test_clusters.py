"""The registry and the schedules stay in step, whatever fails in between."""

import json
from datetime import timedelta
from typing import Any

import pytest

from builders.services import START, MemoryServices, client_secret, services_with
from builders.specs import cluster_spec
from holdfast.engine.clusters import apply_cluster, remove_cluster
from holdfast.engine.starting import start_manual, start_scheduled
from holdfast.errors import HoldfastError, InvalidInputError, PermanentError, RefusedError, TransientError
from holdfast.models.cluster import ClusterSpec
from holdfast.models.run import ScheduleEvent

ELSEWHERE = {
    "kind": "etcd",
    "endpoints": ["https://192.168.7.1:2379"],
    "credentials": "holdfast/prod-1/etcd",
}


def new_services() -> MemoryServices:
    """The secret is there, the cluster is not."""
    services = services_with()
    services.clusters.remove("prod-1")
    return services


def test_applying_stores_the_spec_and_makes_the_schedule() -> None:
    services = new_services()
    applied = apply_cluster(services, cluster_spec())
    assert applied.change == "created"
    assert services.clusters.get("prod-1") == cluster_spec()
    assert services.schedules.get("prod-1") == applied.schedule


def test_applying_the_same_again_changes_nothing() -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    services.schedules.fail("apply", PermanentError("schedule_refused", "nobody should ask"))
    assert apply_cluster(services, cluster_spec()).change == "unchanged"
    assert apply_cluster(services, cluster_spec(description="x")).change == "updated"


def test_a_schedule_that_is_taken_out_of_the_file_goes() -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    assert apply_cluster(services, cluster_spec(schedule=None)).schedule is None
    assert services.schedules.get("prod-1") is None


def stored_in(cluster_id: str, **storage: Any) -> ClusterSpec:
    return cluster_spec(cluster_id, storage=storage or None)


def refused(services: MemoryServices, spec: ClusterSpec, **options: bool) -> str:
    services.credentials.put(spec.transport.credentials, client_secret())  # type: ignore[union-attr]
    with pytest.raises(RefusedError) as raised:
        apply_cluster(services, spec, **options)
    assert spec.id not in {each.id for each in services.clusters.list()} or services.clusters.get(spec.id) != spec
    return raised.value.code


@pytest.mark.parametrize("folder", ["prod-1", "prod-1/runs", "prod-1/20261120T154300Z-r-1a2b3c"])
def test_a_folder_never_leads_into_another_clusters_objects(folder: str) -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    assert refused(services, stored_in("other", folder=folder)) == "storage_shared"
    assert refused(services, stored_in("other", folder=folder), replace=True) == "storage_shared"


def test_an_id_never_leads_into_a_folder_that_another_cluster_has() -> None:
    services = services_with(stored_in("other", folder="prod-1/etcd"))
    services.credentials.put("holdfast/prod-1/etcd", client_secret())
    assert refused(services, cluster_spec()) == "storage_shared"


def test_one_spec_that_cannot_be_read_hides_no_other_from_that_look() -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    unreadable = PermanentError("cluster_unreadable", "written by a newer version")
    services.clusters.unreadable = {"ghost": unreadable}
    services.clusters.fail("list", unreadable)
    services.credentials.put("holdfast/other/etcd", client_secret())
    with pytest.raises(RefusedError, match="storage_shared"):
        apply_cluster(services, stored_in("other", folder="prod-1"))


@pytest.mark.parametrize("endpoint", ["https://S3.Lab.example.com", "https://s3.lab.example.com:443/"])
def test_one_store_under_two_spellings_is_one(endpoint: str) -> None:
    own = {"bucket": "snapshots-1", "secrets_bucket": "secrets-1"}
    keys = {"credentials": "holdfast-store/lab", "secrets_credentials": "holdfast-store-secrets/lab"}
    services = services_with(stored_in("prod-1", endpoint="https://s3.lab.example.com", **own, **keys))
    for name in keys.values():
        services.credentials.put(name, '{"access_key": "a", "secret_key": "b"}')
    other = stored_in("other", endpoint=endpoint, folder="prod-1", **own, **keys)
    assert refused(services, other) == "storage_shared"


def test_the_same_folder_may_hold_many_clusters() -> None:
    services = services_with(stored_in("other", folder="team/etcd"))
    services.credentials.put("holdfast/prod-1/etcd", client_secret())
    assert apply_cluster(services, stored_in("prod-1", folder="team/etcd")).change == "created"


def test_backups_are_not_left_behind_unseen_when_a_storage_moves() -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    assert refused(services, stored_in("prod-1", folder="team")) == "storage_moved"
    assert services.clusters.get("prod-1") == cluster_spec()
    assert apply_cluster(services, stored_in("prod-1", folder="team"), replace=True).change == "updated"
    assert apply_cluster(services, stored_in("prod-1", folder="team", attempts=3)).change == "updated"


def test_keys_of_a_store_are_read_once_so_that_a_wrong_name_fails_here_and_now() -> None:
    services = new_services()
    keys = {"credentials": "holdfast-store/lab", "secrets_credentials": "holdfast-store-secrets/lab"}
    spec = stored_in("prod-1", bucket="one", secrets_bucket="two", **keys)
    with pytest.raises(PermanentError, match="holdfast-store/lab"):
        apply_cluster(services, spec)
    assert services.clusters.list() == []
    for name in keys.values():
        services.credentials.put(name, '{"access_key": "a", "secret_key": "b"}')
    assert apply_cluster(services, spec).change == "created"


@pytest.mark.parametrize("change", [{"driver": "rke2"}, {"transport": ELSEWHERE}])
def test_two_clusters_cannot_share_an_id(change: dict[str, Any]) -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    with pytest.raises(RefusedError) as raised:
        apply_cluster(services, cluster_spec(**change))
    assert raised.value.code == "cluster_exists"
    assert services.clusters.get("prod-1") == cluster_spec()
    assert apply_cluster(services, cluster_spec(**change), replace=True).change == "updated"


def test_of_two_that_register_one_id_at_the_same_moment_the_first_stays() -> None:
    services = services_with()
    # The second looked before the first had stored anything.
    services.clusters.fail("get", PermanentError("cluster_unknown", "not yet"))
    with pytest.raises(RefusedError, match="cluster_exists"):
        apply_cluster(services, cluster_spec(transport=ELSEWHERE))
    assert services.clusters.get("prod-1") == cluster_spec()
    assert services.schedules.get("prod-1") is None


def test_a_cluster_that_gets_one_more_endpoint_is_still_the_same() -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    grown = cluster_spec().model_dump(mode="json")["transport"]
    grown["endpoints"] = [*grown["endpoints"], "https://10.0.0.3:2379"]
    assert apply_cluster(services, cluster_spec(transport=grown)).change == "updated"


def test_a_secret_that_is_not_there_is_found_before_anything_is_stored() -> None:
    services = MemoryServices()
    with pytest.raises(PermanentError) as raised:
        apply_cluster(services, cluster_spec())
    assert raised.value.code == "secret_not_found"
    assert services.clusters.list() == []


def test_a_cron_that_cannot_be_converted_is_found_before_anything_is_stored() -> None:
    services = new_services()
    with pytest.raises(InvalidInputError) as raised:
        apply_cluster(services, cluster_spec(schedule={"cron": "0 3 1 * 1"}))
    assert raised.value.code == "cron_not_convertible"
    assert services.clusters.list() == []


@pytest.mark.parametrize("known", [True, False])
def test_a_schedule_that_cannot_be_made_leaves_the_registry_as_it_was(known: bool) -> None:
    services = new_services()
    if known:
        apply_cluster(services, cluster_spec())
    before = services.clusters.list()
    services.schedules.fail("apply", TransientError("scheduler_unavailable", "try later"))
    with pytest.raises(HoldfastError):
        apply_cluster(services, cluster_spec(schedule={"rate": "1 hour"}))
    assert services.clusters.list() == before


def test_removing_takes_the_schedule_and_the_spec_and_no_backup() -> None:
    services = new_services()
    apply_cluster(services, cluster_spec())
    services.bucket.put("prod-1/20261120T154300Z-r-1a2b3c/manifest.json", b"{}")
    remove_cluster(services, "prod-1")
    assert services.schedules.get("prod-1") is None
    assert services.clusters.list() == []
    assert len(services.bucket.objects) == 1


def test_the_same_schedule_event_three_times_starts_one_run() -> None:
    services = new_services()
    event = ScheduleEvent(cluster="prod-1", scheduled_time=START)
    started = [start_scheduled(services, event) for _ in range(3)]
    assert [each.new for each in started] == [True, False, False]
    assert len({each.run_id for each in started}) == 1
    next_one = ScheduleEvent(cluster="prod-1", scheduled_time=START + timedelta(hours=1))
    assert start_scheduled(services, next_one).new


def test_a_manual_start_needs_a_cluster_that_is_known() -> None:
    services = services_with()
    assert start_manual(services, "prod-1", "a").new
    with pytest.raises(PermanentError) as raised:
        start_manual(services, "ghost", "a")
    assert raised.value.code == "cluster_unknown"


def test_a_stored_spec_that_nobody_can_read_any_more_can_be_replaced() -> None:
    services = new_services()
    services.clusters.fail("get", PermanentError("cluster_unreadable", "written by a newer version"))
    with pytest.raises(PermanentError):
        apply_cluster(services, cluster_spec())
    services.clusters.fail("get", PermanentError("cluster_unreadable", "written by a newer version"))
    assert apply_cluster(services, cluster_spec(), replace=True).change == "created"


def test_removing_a_cluster_that_nobody_registered_says_so() -> None:
    with pytest.raises(PermanentError) as raised:
        remove_cluster(MemoryServices(), "ghost")
    assert raised.value.code == "cluster_unknown"


def openshift(**changes: Any) -> ClusterSpec:
    """Over a transport that needs no credentials."""
    nodes = {"kind": "ssm", "nodes": [{"name": "n1", "instance": "i-0123456789abcdef0"}]}
    return cluster_spec(**{"driver": "openshift", "transport": nodes} | changes)


def openshift_services() -> MemoryServices:
    services = services_with(openshift())
    services.clusters.remove("prod-1")
    return services


def test_the_release_of_openshift_is_watched_unless_its_file_says_otherwise() -> None:
    services = openshift_services()
    applied = apply_cluster(services, openshift())
    watch = services.schedules.get("prod-1", "version-watch")
    assert watch is not None
    assert watch == applied.watch
    assert (watch.expression, watch.enabled) == ("rate(1 hour)", True)
    apply_cluster(services, openshift(version_watch={"every": "6 hours", "paused": True}))
    watch = services.schedules.get("prod-1", "version-watch")
    assert watch is not None
    assert (watch.expression, watch.enabled) == ("rate(6 hours)", False)
    assert services.schedules.get("prod-1") == applied.schedule
    remove_cluster(services, "prod-1")
    assert services.schedules.get("prod-1", "version-watch") is None


def test_the_release_of_another_distribution_is_not_watched() -> None:
    services = new_services()
    assert apply_cluster(services, cluster_spec()).watch is None
    assert services.schedules.get("prod-1", "version-watch") is None


def test_a_file_that_leaves_openshift_leaves_no_watch_behind() -> None:
    services = openshift_services()
    apply_cluster(services, openshift())
    apply_cluster(services, openshift(driver="kubeadm"), replace=True)
    assert services.schedules.get("prod-1", "version-watch") is None


def test_a_watch_that_cannot_be_made_leaves_nothing() -> None:
    services = openshift_services()
    services.schedules.fail("apply", TransientError("scheduler_unavailable", "try later"))
    with pytest.raises(TransientError):
        apply_cluster(services, openshift())
    assert services.clusters.list() == []
    assert services.schedules.get("prod-1") is None


def test_an_event_of_the_watch_and_one_of_the_schedule_at_the_same_moment_start_two_runs() -> None:
    services = openshift_services()
    event = ScheduleEvent(cluster="prod-1", scheduled_time=START)
    watch = event.model_copy(update={"when": "version-changed"})
    started = [start_scheduled(services, each) for each in (event, watch, watch)]
    assert [each.new for each in started] == [True, True, False]
    assert json.loads(services.executions.payloads[started[1].run_id])["when"] == "version-changed"
    assert "when" not in json.loads(services.executions.payloads[started[0].run_id])
