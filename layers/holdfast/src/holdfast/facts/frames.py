"""The sections that survey.sh and etcd_facts.sh print. How they are packed is written in node/frames.sh."""

import base64
import binascii
import re
import zlib

from holdfast.errors import PermanentError
from holdfast.facts.unreadable import unreadable
from holdfast.models.command import CommandResult

# Many times what a node has to say: a small text that unpacks to more is no survey.
LARGEST_BYTES = 1 << 20
_HEAD = re.compile(r"(?P<format>[a-z0-9-]{1,60}) (?P<packing>gzip|plain) (?P<length>[0-9]{1,7})\n")
_SECTION = re.compile(r"== (?P<name>[ -~]{1,1100}) (?P<length>[0-9]{1,7})\n")
_GZIP = 16 + zlib.MAX_WBITS


def sections(what: str, expected: str, result: CommandResult) -> dict[str, str]:
    """Every section by its name, of a command that printed `expected` as its format.

    PermanentError `node_command_failed` for an exit code other than 0, `node_output_truncated` when the end was cut
    off, `node_output_unreadable` for anything else that is not what the script prints.
    """
    if result.exit_code:
        raise _failed(what, result)
    head = _HEAD.match(result.stdout)
    if not head or head["format"] != expected:
        raise unreadable(what, f"the first line is not that of {expected}")
    packed = result.stdout[head.end() :]
    body = packed if head["packing"] == "plain" else _unpacked(what, packed, result.truncated)
    length = int(head["length"])
    if result.truncated or len(body) < length:
        raise _cut(what)
    return dict(_split(what, body[:length]))


def _unpacked(what: str, packed: str, truncated: bool) -> str:
    line, ended, _ = packed.partition("\n")
    if truncated or not ended:
        raise _cut(what)
    try:
        unpacker = zlib.decompressobj(_GZIP)
        body = unpacker.decompress(base64.b64decode(line, validate=True), LARGEST_BYTES + 1)
        text = body.decode("ascii")
    except (binascii.Error, ValueError, zlib.error):
        raise unreadable(what, "the second line is no base64 of a gzip of ASCII text") from None
    if len(body) > LARGEST_BYTES or not unpacker.eof:
        raise unreadable(what, "it unpacks to more than a survey has, or its end is missing")
    return text


def _split(what: str, body: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(body):
        head = _SECTION.match(body, at)
        if not head:
            raise unreadable(what, f"no section begins at byte {at}")
        end = head.end() + int(head["length"])
        if body[end : end + 1] != "\n":
            raise unreadable(what, f"the section at byte {at} has another length than it says")
        found.append((head["name"], body[head.end() : end]))
        at = end + 1
    return found


def _failed(what: str, result: CommandResult) -> PermanentError:
    said = " ".join(result.stderr.split())[-300:]
    why = "it took too long and was stopped" if result.exit_code == 124 else f"exit code {result.exit_code}"
    return PermanentError(
        "node_command_failed",
        f"{what}: {why}" + (f": {said}" if said else ""),
        hint="Run it on the node by hand, as root.",
    )


def _cut(what: str) -> PermanentError:
    return PermanentError(
        "node_output_truncated",
        f"{what}: the end of the output is missing",
        hint="Output is kept up to 22,000 bytes. Put gzip and base64 on the node, and look for huge static pod files.",
    )


def pairs(text: str) -> dict[str, str]:
    """Lines "NAME=VALUE"; others are left out."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
