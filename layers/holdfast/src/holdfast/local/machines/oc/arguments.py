"""The command line of oc, as far as it is known here."""

import argparse
import re
from typing import Never

from holdfast.local.machines.apiserver.kinds import Kind, kind_called
from holdfast.local.machines.oc.failures import OcError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}
_FILES = (("-f", "--filename"), ("-p", "--patch"), ("-n", "--namespace"), ("-l", "--selector"), ("-o", "--output"))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Never:
        raise OcError(f"error: {message}")


def parse(argv: list[str]) -> argparse.Namespace:
    """`words` are the verb and what is no flag."""
    parser = _Parser(prog="oc", add_help=False, allow_abbrev=False)
    for names in _FILES:
        parser.add_argument(*names, default="")
    for name in ("--kubeconfig", "--field-selector", "--raw", "--type"):
        parser.add_argument(name, default="")
    parser.add_argument("-A", "--all-namespaces", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--no-headers", action="store_true")
    parser.add_argument("--ignore-not-found", nargs="?", const="true", default="false")
    parser.add_argument("--wait", nargs="?", const="true", default="true")
    for name, default in (("--request-timeout", "0"), ("--timeout", "1h"), ("--minimum-stable-period", "5m")):
        parser.add_argument(name, default=default, type=seconds)
    parser.add_argument("words", nargs="*")
    return parser.parse_intermixed_args(argv)


def seconds(text: str) -> float:
    """A duration as Go has it: 15s, 1m30s, 0."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[hms]|$)", text)
    if "".join(number + unit for number, unit in parts) != text or not text:
        raise argparse.ArgumentTypeError(f"invalid duration {text!r}")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def kind_of(word: str) -> Kind:
    kind = kind_called(word)
    if kind is None:
        raise OcError(f'error: the server doesn\'t have a resource type "{word}"')
    return kind


def subject(words: list[str]) -> tuple[Kind, list[str]]:
    """Of `etcd cluster`, `etcd/cluster`, `secret a b`: the kind and the names, none for all."""
    if not words:
        raise OcError("error: You must specify the type of resource to get.")
    if "/" not in words[0]:
        return kind_of(words[0]), words[1:]
    pairs = [each.partition("/") for each in words]
    kinds = {kind_of(kind) for kind, _, _ in pairs}
    if len(kinds) > 1 or not all(name for _, _, name in pairs):
        raise OcError("error: this stand-in takes one kind at a time")
    return kinds.pop(), [name for _, _, name in pairs]
