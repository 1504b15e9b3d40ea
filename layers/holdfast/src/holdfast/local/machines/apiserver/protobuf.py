"""The little of Kubernetes' protobuf that is needed to read a ConfigMap which a real API server wrote."""

MAGIC = b"k8s\0"
# runtime.Unknown, ConfigMap, map entries: fields by their numbers in Kubernetes' own definitions.
_RAW, _DATA, _KEY, _VALUE = 2, 2, 1, 2


def config_map_data(value: bytes) -> dict[str, str]:
    """ValueError for what is no such object."""
    if not value.startswith(MAGIC):
        raise ValueError("no object of Kubernetes")
    data = {}
    for raw in _of(value.removeprefix(MAGIC), _RAW):
        for entry in _of(raw, _DATA):
            key, text = (b"".join(_of(entry, number)).decode() for number in (_KEY, _VALUE))
            data[key] = text
    return data


def _of(message: bytes, number: int) -> list[bytes]:
    """The values of one field that has a length, in their order."""
    found, at = [], 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                _, at = _varint(message, at)
            case 2:
                length, at = _varint(message, at)
                if tag >> 3 == number:
                    found.append(message[at : at + length])
                at += length
            case 1 | 5 as kind:
                at += 8 if kind == 1 else 4
            case _:
                raise ValueError("no protobuf")
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("no protobuf: it ends early")
        value |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 128:
            return value, at
