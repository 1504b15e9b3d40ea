"""Flags and environment of a process, as /proc shows them: one argument or variable per line."""

from collections.abc import Iterable, Mapping


def flags(arguments: Iterable[str]) -> dict[str, str]:
    """Values by name, without dashes: "--name=value", "--name value", and "true" for a name alone.

    The last one counts, as with Go's flag packages, which also take one dash for two.
    """
    found: dict[str, str] = {}
    waiting = ""
    for argument in arguments:
        name, is_set, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name:
            found[name] = value if is_set else "true"
            waiting = "" if is_set else name
        elif waiting:
            found[waiting] = argument
            waiting = ""
    return found


def etcd_settings(
    arguments: Iterable[str], environment: Mapping[str, str], file: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What an etcd runs with, by the names of its flags. A flag comes before ETCD_NAME of the environment.

    With a configuration file, etcd looks at nothing else (etcdmain/config.go).
    """
    if file is not None:
        return dict(file)
    prefix = "ETCD_"
    from_environment = {
        name.removeprefix(prefix).lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith(prefix)
    }
    return from_environment | flags(arguments)
