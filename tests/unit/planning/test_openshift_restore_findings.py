"""What speaks against a restore of OpenShift, and against a quorum restore; the vendor's traps each by its name."""

from dataclasses import replace
from typing import Any

import pytest

from builders import openshift_shapes as shapes
from builders.openshift_shapes import ERAS, FIRST, MIDDLE, NEWEST, SINGLE, Era
from builders.restore_shapes import GIB, NOW
from holdfast.models.openshift import OpenShiftView
from holdfast.models.plan import Finding
from holdfast.models.restore import ChangeRequest, RestoreFacts
from holdfast.planning.planners import planner_of
from holdfast.planning.restore_seen import ChosenBackup, RestoreSeen


def findings(
    era: Era,
    before: RestoreSeen | None = None,
    backup: ChosenBackup | None = None,
    request: ChangeRequest | None = None,
) -> tuple[Finding, ...]:
    asked = request or shapes.request()
    chosen = None if asked.quorum else backup or shapes.backup(era)
    return planner_of("openshift").findings(shapes.spec(era), before or shapes.seen(era), chosen, asked, NOW)


def refused(era: Era, *arguments: Any, **named: Any) -> list[str]:
    return [finding.code for finding in findings(era, *arguments, **named) if finding.level == "refuse"]


def empty(era: Era) -> RestoreSeen:
    """No member has its data any more: nothing but a backup is left."""
    return shapes.seen(era, **_without_data(era))


def with_survey(before: RestoreSeen, node: str, **changes: Any) -> RestoreSeen:
    surveys = (each.model_copy(update=changes) if each.node == node else each for each in before.surveys)
    return replace(before, surveys=tuple(surveys))


def of_version(era: Era, version: str) -> ChosenBackup:
    chosen = shapes.backup(era)
    return shapes.backup(era, source=chosen.manifest.source.model_copy(update={"platform_version": version}))


@pytest.mark.parametrize("era", [*ERAS, SINGLE], ids=lambda era: era.version)
def test_nothing_speaks_against_a_sound_backup_of_a_cluster_that_is_gone(era: Era) -> None:
    assert [(each.level, each.code) for each in findings(era, empty(era))] == [("info", "recovery_host")]


@pytest.mark.parametrize("mode", ["full", "one-first", "new-hosts"])
def test_there_is_one_mode(mode: str) -> None:
    assert refused(NEWEST, empty(NEWEST), request=shapes.request(mode=mode)) == ["mode_unsupported"]


def test_trap_every_host_is_reached_before_anything_stops() -> None:
    assert refused(
        NEWEST, shapes.seen(NEWEST, without=("m2",)), request=shapes.request(allow=["quorum_restore_instead"])
    ) == ["node_unreachable"]
    silent = replace(empty(NEWEST), facts={node: RestoreFacts() for node in ("m1", "m3")})
    assert refused(NEWEST, silent) == ["node_unreachable"]


@pytest.mark.parametrize("name", ["lost+found", "snapshot.db", "member.bak"])
def test_trap_a_stray_file_would_stop_the_vendors_script_half_way(name: str) -> None:
    stray = shapes.host(NEWEST, data_entries=(name,))
    found = [
        each for each in findings(NEWEST, shapes.seen(NEWEST, m1=stray, m2=stray, m3=stray)) if each.level == "refuse"
    ]
    assert [each.code for each in found] == ["openshift_data_stray"]
    assert name in found[0].text
    # Where nothing is restored nothing is in the way: a host that joined again keeps an archive of its former member.
    elsewhere = shapes.seen(NEWEST, m2=stray, m3=stray)
    assert refused(NEWEST, elsewhere) == refused(NEWEST, shapes.seen(NEWEST))
    fine = shapes.host(NEWEST, data_entries=("revision.json", "etcd_perf.0"))
    assert refused(NEWEST, shapes.seen(NEWEST, m1=fine, m2=fine, m3=fine)) == []


def test_the_same_z_stream_or_nothing() -> None:
    there = replace(empty(NEWEST), surveys=shapes.seen(NEWEST, api=True, **_without_data(NEWEST)).surveys)
    assert refused(NEWEST, there) == []
    for version in ("4.18.11", "4.17.12", "4.18.12-rc.1"):
        assert refused(NEWEST, there, of_version(NEWEST, version)) == ["openshift_version_differs"]
    allowed = shapes.request(allow=["openshift_version_unknown"])
    assert refused(NEWEST, there, of_version(NEWEST, "4.18.11"), allowed) == ["openshift_version_differs"]


def upgrading(era: Era, version: str, **changes: Any) -> RestoreSeen:
    """The API answers and tells the release that is wanted, whatever the hosts run yet."""
    there = shapes.seen(era, api=True)
    view = OpenShiftView(
        host=shapes.host(era, data_entries=(), **changes),
        cluster=shapes.cluster(era, version=version, progressing="True"),
    )
    return replace(there, surveys=tuple(each.model_copy(update={"openshift": view}) for each in there.surveys))


def test_in_an_upgrade_the_images_tell_the_release_and_not_the_version_that_is_wanted() -> None:
    begun = upgrading(NEWEST, "4.18.13")
    assert refused(NEWEST, begun) == [], "the hosts run what the backup is of"
    taken_back = upgrading(NEWEST, NEWEST.version, etcd_image=f"quay.example/ocp@sha256:{'c' * 64}")
    assert refused(NEWEST, taken_back) == ["openshift_version_unknown"]
    found = next(each for each in findings(NEWEST, taken_back) if each.code == "openshift_version_unknown")
    assert f"on its way to {NEWEST.version}" in found.text


def test_images_of_two_releases_at_once_prove_none() -> None:
    newer = shapes.host(NEWEST, data_entries=(), etcd_image=f"quay.example/ocp@sha256:{'c' * 64}")
    mixed = shapes.seen(NEWEST, **{**_without_data(NEWEST), "m2": newer})
    made = of_version(NEWEST, "")
    assert made.plan
    then = replace(made, plan=made.plan.model_copy(update={"surveys": mixed.surveys}))
    assert refused(NEWEST, mixed, then) == ["openshift_version_unknown"]


def _without_data(era: Era) -> dict[str, Any]:
    return {node: shapes.host(era, data_entries=()) for node in era.nodes}


def test_without_an_api_equal_images_prove_the_release_and_others_do_not() -> None:
    other: dict[str, Any] = {}
    newer = f"quay.example/ocp@sha256:{'c' * 64}"
    for changes in ({"etcd_image": newer}, {"apiserver_image": newer}, {"etcd_image": ""}, {"etcd_image": "etcd:v1"}):
        other = {node: shapes.host(NEWEST, data_entries=(), **changes) for node in NEWEST.nodes}
        assert refused(NEWEST, shapes.seen(NEWEST, **other)) == ["openshift_version_unknown"]
    lifted = findings(NEWEST, shapes.seen(NEWEST, **other), request=shapes.request(allow=["openshift_version_unknown"]))
    assert next((each.level, each.code) for each in lifted) == ("warn", "openshift_version_unknown")


def test_a_backup_that_does_not_tell_its_release_is_known_by_its_images() -> None:
    assert refused(NEWEST, empty(NEWEST), of_version(NEWEST, "")) == []
    bare = replace(of_version(NEWEST, ""), plan=None)
    assert refused(NEWEST, empty(NEWEST), bare) == ["openshift_version_unknown"]


def test_a_backup_of_another_cluster_under_the_same_name_is_refused() -> None:
    there = shapes.seen(NEWEST, api=True, **_without_data(NEWEST))
    view = OpenShiftView(
        host=shapes.host(NEWEST, data_entries=()), cluster=shapes.cluster(NEWEST, infrastructure="prod-9zz9z")
    )
    other = replace(there, surveys=tuple(each.model_copy(update={"openshift": view}) for each in there.surveys))
    assert refused(NEWEST, other) == ["backup_of_other_cluster"]


@pytest.mark.parametrize("topology", ["External", "SomethingNew"])
def test_topologies_that_have_no_hosts_of_their_own_are_refused(topology: str) -> None:
    era = replace(NEWEST, topology=topology)
    assert "topology_unsupported" in refused(era, shapes.seen(era, api=True))


def test_two_nodes_with_fencing_have_a_script_of_their_own_since_4_22() -> None:
    era = replace(NEWEST, hosts=2, topology="DualReplica")
    assert "topology_unsupported" not in refused(era, shapes.seen(era, api=True))
    fenced = shapes.host(era, scripts=(*era.scripts, "cluster-restore-tnf.sh"))
    assert "topology_unsupported" in refused(era, shapes.seen(era, api=True, m1=fenced))


def test_hosts_in_the_middle_of_an_upgrade_are_no_place_to_restore() -> None:
    mixed = shapes.seen(NEWEST, m2=shapes.host(MIDDLE))
    assert "openshift_hosts_differ" in refused(NEWEST, mixed)


@pytest.mark.parametrize("lost", ["cluster-restore.sh", "disable-etcd.sh"])
def test_the_vendors_scripts_have_to_be_there(lost: str) -> None:
    scripts = tuple(each for each in NEWEST.scripts if each != lost)
    assert "openshift_script_missing" in refused(NEWEST, shapes.seen(NEWEST, m3=shapes.host(NEWEST, scripts=scripts)))
    assert refused(MIDDLE, empty(MIDDLE)) == []


def test_a_forced_backup_is_restored_only_by_who_says_so() -> None:
    dirty = shapes.backup(NEWEST, state="sealed", possibly_dirty=True)
    assert refused(NEWEST, empty(NEWEST), dirty) == ["backup_not_verified", "backup_possibly_dirty"]
    allowed = shapes.request(allow=["backup_not_verified", "backup_possibly_dirty"])
    assert refused(NEWEST, empty(NEWEST), dirty, allowed) == []


def test_without_the_archive_the_vendors_script_has_nothing_to_do() -> None:
    assert refused(NEWEST, empty(NEWEST), shapes.backup(NEWEST, bundles=())) == ["bundle_missing"]


def test_a_cluster_that_has_its_quorum_is_not_taken_back_in_time() -> None:
    assert refused(NEWEST, shapes.seen(NEWEST, 1, 2)) == ["cluster_healthy"]
    assert refused(NEWEST, shapes.seen(NEWEST, 1, 2), request=shapes.request(allow=["cluster_healthy"])) == []


def test_a_quorum_that_is_lost_with_data_left_has_a_better_way() -> None:
    found = next(each for each in findings(NEWEST, shapes.seen(NEWEST, 2)) if each.level == "refuse")
    assert found.code == "quorum_restore_instead"
    assert "holdfast restore plan prod-1 --quorum" in found.hint
    assert refused(NEWEST, shapes.seen(NEWEST, 2), request=shapes.request(allow=["quorum_restore_instead"])) == []


@pytest.mark.parametrize("era", [FIRST, MIDDLE, SINGLE], ids=["4.4", "4.11", "single"])
def test_there_is_no_better_way_before_4_18_or_with_one_host(era: Era) -> None:
    assert refused(era, shapes.seen(era)) == []


def test_the_recovery_host_has_the_tools_and_the_room() -> None:
    there = empty(NEWEST)
    assert refused(NEWEST, with_survey(there, "m1", data_free=100)) == ["restore_disk_short"]
    assert refused(NEWEST, with_survey(there, "m2", data_free=100)) == []
    bare = {name: version for name, version in there.surveys[0].tools.items() if name != "zstd"}
    assert refused(NEWEST, with_survey(there, "m1", tools=bare)) == ["tool_missing"]
    assert refused(NEWEST, with_survey(there, "m2", tools={})) == ["tool_missing"]
    no_oc = shapes.host(NEWEST, data_entries=(), has_oc=False)
    assert refused(NEWEST, shapes.seen(NEWEST, **{**_without_data(NEWEST), "m1": no_oc})) == ["tool_missing"]
    assert there.surveys[0].data_free == 10 * GIB


def test_another_recovery_host_than_the_backups_own_is_told() -> None:
    away = with_survey(empty(NEWEST), "m1", openshift=None)
    found = {each.code: each for each in findings(NEWEST, away)}
    assert (found["recovery_host"].level, "m1" in found["recovery_host"].text) == ("warn", True)


@pytest.mark.parametrize("era", [MIDDLE, NEWEST], ids=["from the archive", "from the hosts"])
def test_the_keys_of_encrypted_secrets_have_to_be_there_in_the_end(era: Era) -> None:
    """Before 4.18 API servers start from the archive; from then on they go on with the hosts' own configuration."""
    chosen = shapes.backup(era)
    assert chosen.verified is not None
    summary = chosen.verified.database.model_copy(update={"encryption_keys": ("aescbc:v1:7",)})
    locked = replace(chosen, verified=chosen.verified.model_copy(update={"database": summary}))
    assert refused(era, empty(era), locked) == ["encryption_key_missing"]
    bundle = shapes.bundle(encryption_keys=("aescbc:7",))
    brought = replace(locked, manifest=locked.manifest.model_copy(update={"bundles": (bundle,)}))
    kept = replace(empty(era), facts={node: RestoreFacts(encryption_keys=("aescbc:7",)) for node in era.nodes})
    assert refused(era, empty(era), brought) == ([] if era is MIDDLE else ["encryption_key_missing"])
    assert refused(era, kept, locked) == ([] if era is NEWEST else ["encryption_key_missing"])


def test_a_quorum_restore_needs_a_member_that_is_left_and_no_other_host() -> None:
    alone = shapes.seen(NEWEST, 2, without=("m1", "m3"))
    found = findings(NEWEST, alone, request=shapes.quorum())
    assert [(each.level, each.code) for each in found] == [("info", "recovery_host")]
    assert "m2" in found[0].text


def test_a_quorum_restore_is_refused_where_it_has_no_data_no_script_or_no_reason() -> None:
    assert refused(NEWEST, empty(NEWEST), request=shapes.quorum()) == ["quorum_no_data"]
    assert refused(MIDDLE, shapes.seen(MIDDLE, 1), request=shapes.quorum()) == ["quorum_no_data"]
    assert refused(NEWEST, shapes.seen(NEWEST, 1, 2), request=shapes.quorum()) == ["cluster_healthy"]
    # The others would go on as the old cluster, beside the new one.
    allowed = shapes.quorum(allow=["cluster_healthy"])
    assert refused(NEWEST, shapes.seen(NEWEST, 1, 2), request=allowed) == ["cluster_healthy"]
    stray = shapes.host(NEWEST, data_entries=("member", "lost+found"))
    here = shapes.seen(NEWEST, without=("m2", "m3"), m1=stray)
    assert refused(NEWEST, here, request=shapes.quorum()) == ["openshift_data_stray"]


def test_runs_that_were_never_ended_come_first() -> None:
    there = replace(empty(NEWEST), facts={**empty(NEWEST).facts, "m2": RestoreFacts(unfinished=("prod-1-old",))})
    assert refused(NEWEST, there) == ["unfinished_restore"]
    assert refused(NEWEST, with_survey(empty(NEWEST), "m2", root=False)) == ["node_not_root"]
