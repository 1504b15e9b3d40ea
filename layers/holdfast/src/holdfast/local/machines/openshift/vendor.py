"""The vendor's scripts as one generation has them. Their texts (scripts/) are ours, written from what is known of each.

A part of a text between `#from V` or `#until V` and `#end` is there from that generation on, or before it.
"""

from pathlib import Path

from holdfast.models.openshift import Generation

_FOLDER = Path(__file__).with_name("scripts")
GENERATIONS: tuple[Generation, ...] = ("4.4", "4.6", "4.9", "4.11", "4.18")


def generation_of(version: str) -> Generation:
    """Of a release ("4.7.33")."""
    given = _number(version)
    return next(each for each in reversed(GENERATIONS) if _number(each) <= given)


def minor(version: str) -> tuple[int, int]:
    return _number(version)


def rendered(name: str, generation: Generation) -> str:
    lines, shown = [], [True]
    for line in (_FOLDER / name).read_text().splitlines():
        match line.split():
            case ["#from", since]:
                shown.append(shown[-1] and _number(generation) >= _number(since))
            case ["#until", end]:
                shown.append(shown[-1] and _number(generation) < _number(end))
            case ["#end"]:
                shown.pop()
            case _ if shown[-1]:
                lines.append(line)
    if len(shown) != 1:
        raise ValueError(f"{name} has a part without an end")
    return "\n".join(lines) + "\n"


def vendor_scripts(generation: Generation) -> dict[str, str]:
    """What is installed in /usr/local/bin."""
    names = ["cluster-backup.sh", "cluster-restore.sh"]
    if _number(generation) >= (4, 18):
        names += ["disable-etcd.sh", "quorum-restore.sh"]
    return {name: rendered(name, generation) for name in names}


def _number(version: str) -> tuple[int, int]:
    major, least, *_ = version.split(".")
    return int(major), int(least)
