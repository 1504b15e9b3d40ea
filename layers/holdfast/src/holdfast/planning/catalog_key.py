"""The catalogue: what a listing tells of a backup is the name of an empty object, so one LIST tells a thousand of them.

    <cluster>/catalog/<backup>.<s|v|d>.<size>.<raw size>.<live keys>.<resources>   sealed, verified, damaged
    <cluster>/catalog/<backup>.hold                                                a person keeps it from retention
    <cluster>/catalog/<backup>.accept                                              a person has looked at its content

Sizes are bytes, `resources` is the digest of `planning/suspicion.py` or "-"; of a backup that is possibly dirty, which
is never verified, it is "dirty". A backup that was verified after it was sealed has two names until Retain removes the
one that tells less.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.errors import InvalidInputError
from holdfast.models.backup import BackupEntry, State
from holdfast.planning.naming import parse_backup_id

# In the order in which one beats the other. Damage is final: what was unreadable once is trusted by nobody again.
_LETTERS: dict[str, State] = {"s": "sealed", "v": "verified", "d": "damaged"}
_DIRTY = "dirty"
_RANKS = {state: rank for rank, state in enumerate(_LETTERS.values())}
_NUMBER = r"(0|[1-9][0-9]{0,14})"
_NAME = re.compile(rf"([0-9A-Za-z-]+)\.([svd])\.{_NUMBER}\.{_NUMBER}\.{_NUMBER}\.(-|dirty|[0-9a-f]{{6}})")
_HOLD, _ACCEPT = "hold", "accept"


@dataclass(frozen=True)
class Catalog:
    """`entries` has one per backup, newest first. `superseded` are keys that tell less than another one of the same
    backup; `strangers` are keys that no Holdfast gave; `held` and `accepted` are backup ids."""

    entries: tuple[BackupEntry, ...]
    held: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    superseded: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


def catalog_prefix(cluster_id: str) -> str:
    return f"{cluster_id}/catalog/"


def names_prefix(cluster_id: str, backup: str) -> str:
    """Of everything that the catalogue says of one backup."""
    return f"{catalog_prefix(cluster_id)}{backup}."


def hold_key(cluster_id: str, backup: str) -> str:
    return f"{names_prefix(cluster_id, backup)}{_HOLD}"


def accept_key(cluster_id: str, backup: str) -> str:
    return f"{names_prefix(cluster_id, backup)}{_ACCEPT}"


def catalog_key(entry: BackupEntry) -> str:
    """The name that tells this entry, but for its markers. An unsealed one has none: it is no backup."""
    letter = next(letter for letter, state in _LETTERS.items() if state == entry.state)
    resources = _DIRTY if entry.possibly_dirty else entry.resources or "-"
    figures = f"{entry.size}.{entry.raw_size}.{entry.live_keys}.{resources}"
    return f"{names_prefix(entry.cluster_id, entry.backup_id)}{letter}.{figures}"


def read_catalog_keys(cluster_id: str, keys: Iterable[str]) -> Catalog:
    """Whatever the keys are and in whatever order they come; those of other prefixes are strangers too."""
    best: dict[str, tuple[int, str, BackupEntry]] = {}
    marked: dict[str, set[str]] = {_HOLD: set(), _ACCEPT: set()}
    superseded: list[str] = []
    strangers: list[str] = []
    for key in keys:
        name = key.removeprefix(catalog_prefix(cluster_id))
        backup, _, marker = name.partition(".")
        entry = _entry(cluster_id, name)
        if entry:
            told = (_RANKS[entry.state], key, entry)
            before = best.get(backup)
            best[backup] = told if before is None else max(before, told, key=lambda each: each[:2])
            superseded += [each[1] for each in (before, told) if each and each is not best[backup]]
        elif marker in marked and _is_backup_id(backup):
            marked[marker].add(backup)
        else:
            strangers.append(key)
    held, accepted = frozenset(marked[_HOLD]), frozenset(marked[_ACCEPT])
    return Catalog(
        entries=tuple(
            entry.model_copy(update={"held": backup in held, "accepted": backup in accepted})
            if backup in held or backup in accepted
            else entry
            for backup, (_, _, entry) in sorted(best.items(), key=lambda each: each[0], reverse=True)
        ),
        held=held,
        accepted=accepted,
        superseded=tuple(superseded),
        strangers=tuple(strangers),
    )


def _entry(cluster_id: str, name: str) -> BackupEntry | None:
    told = _NAME.fullmatch(name)
    if told is None:
        return None
    try:
        taken_at, kind = parse_backup_id(told[1])
    except InvalidInputError:
        return None
    return BackupEntry(
        cluster_id=cluster_id,
        backup_id=told[1],
        kind=kind,
        taken_at=taken_at,
        size=int(told[3]),
        state=_LETTERS[told[2]],
        possibly_dirty=told[6] == _DIRTY,
        raw_size=int(told[4]),
        live_keys=int(told[5]),
        resources="" if told[6] in ("-", _DIRTY) else told[6],
    )


def _is_backup_id(text: str) -> bool:
    try:
        parse_backup_id(text)
    except InvalidInputError:
        return False
    return True
