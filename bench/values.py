"""Keys and values as a Kubernetes control plane has them: real objects, of which everything that differs between two
clusters is drawn anew (UIDs, hashes, timestamps, tokens, long numbers), length for length, so that protobuf stays valid
and compression meets as much repetition as it does in life. The same seed gives the same values.
"""

import base64
import random
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import zstandard

from holdfast.etcd.format.bolt import BoltFile
from holdfast.etcd.format.record import read_key_value
from holdfast.etcd.format.source import BytesSource

REAL = Path(__file__).parents[1] / "tests" / "data" / "kubeadm-a.db.zst"
# How many of a hundred objects are of which resource in a cluster that is in use (weights, not percentages of bytes).
MIX = {
    "pods": 26,
    "replicasets": 13,
    "configmaps": 12,
    "events": 20,
    "secrets": 9,
    "endpointslices": 6,
    "deployments": 5,
    "leases": 2,
    "serviceaccounts": 2,
}
_TRAILER = 32
_VARIES = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a UID
    rb"|[A-Za-z0-9+/_-]{60,}"  # a token, a key, a certificate's line
    rb"|[0-9a-f]{16,}"  # an image or container id
    rb"|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    rb"|(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5,10}\b"  # what controllers append to names
    rb"|\d{5,}"
)
_HEX, _SUFFIX, _DIGITS = b"0123456789abcdef", b"bcdfghjklmnpqrstvwxz2456789", b"0123456789"

type Template = tuple[bytes, ...]


def real_values() -> dict[str, list[Template]]:
    """For each resource of MIX the real values, cut into what stays (even places) and what varies (odd places)."""
    with REAL.open("rb") as file:
        raw = zstandard.ZstdDecompressor().stream_reader(file).read()
    found: dict[str, list[Template]] = {resource: [] for resource in MIX}
    for _, record in BoltFile(BytesSource(raw[:-_TRAILER])).items(b"key"):
        key, _, start, end = read_key_value(record, 0, len(record))
        resource = _resource(key)
        if resource in found and end - start > 200:
            found[resource].append(_template(record[start:end]))
    return {resource: templates for resource, templates in found.items() if templates}


def _resource(key: bytes) -> str:
    """ "/registry/pods/default/web" is one of pods."""
    words = key.decode(errors="replace").split("/")
    return words[2] if len(words) > 3 else ""


def _template(value: bytes) -> Template:
    pieces: list[bytes] = []
    at = 0
    for found in _VARIES.finditer(value):
        pieces += [value[at : found.start()], found.group()]
        at = found.end()
    return (*pieces, value[at:])


def objects(seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Endless (key, value) pairs; no key comes twice."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, guards nothing
    templates = real_values()
    resources = list(templates)
    weights = [MIX[resource] for resource in resources]
    for number in count():
        resource = draw.choices(resources, weights)[0]
        pieces = list(draw.choice(templates[resource]))
        pieces[1::2] = [_anew(piece, draw) for piece in pieces[1::2]]
        key = f"/registry/{resource}/team-{number % 41:02}/svc-{number:07}-{draw.getrandbits(20):05x}"
        yield key.encode(), b"".join(pieces)


def _anew(piece: bytes, draw: random.Random) -> bytes:
    """Other bytes of the same kind and length."""
    length = len(piece)
    if length == 36 and piece[8:9] == piece[13:14] == b"-":
        text = b"%032x" % draw.getrandbits(128)
        return b"-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    if length == 20 and piece.endswith(b"Z") and piece[10:11] == b"T":
        return b"2026-11-%02dT%02d:%02d:%02dZ" % (
            draw.randrange(1, 29),
            draw.randrange(24),
            draw.randrange(60),
            draw.randrange(60),
        )
    if piece.isdigit():
        return bytes(draw.choices(_DIGITS, k=length))
    if length >= 16 and not piece.strip(_HEX):
        return b"%0*x" % (length, draw.getrandbits(4 * length))
    if length <= 10:
        return bytes(draw.choices(_SUFFIX, k=length))
    return base64.b64encode(draw.randbytes(length))[:length]
