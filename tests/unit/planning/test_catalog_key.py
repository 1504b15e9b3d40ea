"""A backup in the name of an empty object: what is told comes back, and whatever else lies there is no entry."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.models.backup import BackupEntry, State
from holdfast.planning.catalog_key import (
    accept_key,
    catalog_key,
    catalog_prefix,
    hold_key,
    read_catalog_keys,
)
from holdfast.planning.naming import backup_id

CLUSTER = "prod-1"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NUMBERS = st.integers(0, 10**15 - 1)


def entry(hours: int = 0, state: State = "verified", **changes: object) -> BackupEntry:
    moment = NOON + timedelta(hours=hours)
    fields: dict[str, object] = {
        "cluster_id": CLUSTER,
        "backup_id": backup_id(moment, "recurring", str(hours)),
        "kind": "recurring",
        "taken_at": moment,
        "size": 41,
        "state": state,
    }
    return BackupEntry.model_validate(fields | changes)


ENTRIES = st.builds(
    entry,
    hours=st.integers(0, 50_000),
    state=st.sampled_from(("sealed", "verified", "damaged")),
    size=NUMBERS,
    raw_size=NUMBERS,
    live_keys=NUMBERS,
    resources=st.from_regex(r"[0-9a-f]{6}|", fullmatch=True),
)


@given(ENTRIES)
def test_what_is_told_comes_back(told: BackupEntry) -> None:
    catalog = read_catalog_keys(CLUSTER, [catalog_key(told)])
    assert catalog.entries == (told,)
    assert catalog.superseded == catalog.strangers == ()


@given(st.lists(ENTRIES, max_size=8), st.randoms())
def test_the_order_of_the_keys_does_not_matter_and_every_backup_has_one_entry(
    told: list[BackupEntry], random: object
) -> None:
    keys = [catalog_key(each) for each in told]
    shuffled = list(keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    catalog, other = read_catalog_keys(CLUSTER, keys), read_catalog_keys(CLUSTER, shuffled)
    assert catalog.entries == other.entries
    ids = [each.backup_id for each in catalog.entries]
    assert ids == sorted({each.backup_id for each in told}, reverse=True)
    assert sorted(keys) == sorted([*(catalog_key(each) for each in catalog.entries), *catalog.superseded])


def test_damage_beats_a_verification_and_a_verification_a_seal() -> None:
    sealed, verified, damaged = (entry(state=state) for state in ("sealed", "verified", "damaged"))
    catalog = read_catalog_keys(CLUSTER, [catalog_key(verified), catalog_key(sealed)])
    assert (catalog.entries, catalog.superseded) == ((verified,), (catalog_key(sealed),))
    catalog = read_catalog_keys(CLUSTER, [catalog_key(damaged), catalog_key(verified), catalog_key(sealed)])
    assert catalog.entries == (damaged,)
    assert set(catalog.superseded) == {catalog_key(verified), catalog_key(sealed)}


def test_markers_belong_to_their_backup_and_are_no_entries() -> None:
    first, second = entry(0), entry(1)
    keys = [
        catalog_key(first),
        hold_key(CLUSTER, first.backup_id),
        catalog_key(second),
        accept_key(CLUSTER, second.backup_id),
    ]
    catalog = read_catalog_keys(CLUSTER, keys)
    assert [(each.held, each.accepted) for each in catalog.entries] == [(False, True), (True, False)]
    lonely = read_catalog_keys(CLUSTER, [hold_key(CLUSTER, first.backup_id)])
    assert (lonely.entries, lonely.held, lonely.strangers) == ((), frozenset({first.backup_id}), ())


@pytest.mark.parametrize(
    "name",
    [
        "",
        "index.json",
        "20261120T120000Z-r-1a2b3c",
        "20261120T120000Z-r-1a2b3c.",
        "20261120T120000Z-r-1a2b3c.x.1.2.3.-",
        "20261120T120000Z-r-1a2b3c.v.1.2.3",
        "20261120T120000Z-r-1a2b3c.v.1.2.3.-.4",
        "20261120T120000Z-r-1a2b3c.v.01.2.3.-",
        "20261120T120000Z-r-1a2b3c.v.-1.2.3.-",
        "20261120T120000Z-r-1a2b3c.v.1.2.3.ABCDEF",
        "20261120T120000Z-r-1a2b3c.v.1.2.3.-\n",
        "20261120T120000Z-r-1a2b3c.v.\u0661.2.3.-",
        "20261120T120000Z-r-1a2b3c.v." + "9" * 4301 + ".2.3.-",
        "20269999T999999Z-r-1a2b3c.v.1.2.3.-",
        "20269999T999999Z-r-1a2b3c.hold",
        "20261120T120000Z-r-1a2b3c/v.1.2.3.-",
        "../20261120T120000Z-r-1a2b3c.v.1.2.3.-",
        "20261120T120000Z-r-1a2b3c.hold.hold",
        "\x00\x1b[31m",
    ],
)
def test_a_key_that_nobody_of_ours_wrote_is_a_stranger_and_hides_nothing(name: str) -> None:
    told = entry()
    stranger = f"{catalog_prefix(CLUSTER)}{name}"
    catalog = read_catalog_keys(CLUSTER, [stranger, catalog_key(told)])
    assert (catalog.entries, catalog.strangers, catalog.held) == ((told,), (stranger,), frozenset())


@given(st.lists(st.text(max_size=60), max_size=5))
def test_no_key_whatever_it_is_stops_the_listing(names: list[str]) -> None:
    told = entry()
    catalog = read_catalog_keys(CLUSTER, [*(f"{catalog_prefix(CLUSTER)}{name}" for name in names), catalog_key(told)])
    assert told in catalog.entries


def test_another_clusters_keys_are_strangers() -> None:
    other = catalog_key(entry(cluster_id="prod-2"))
    assert read_catalog_keys(CLUSTER, [other]).strangers == (other,)


def test_a_backup_that_is_possibly_dirty_is_told_so_by_its_name() -> None:
    """Under the letter that Seal may write: its role names it."""
    dirty = entry(state="sealed", possibly_dirty=True)
    key = catalog_key(dirty)
    assert ".s." in key
    assert read_catalog_keys(dirty.cluster_id, [key]).entries == (dirty,)
