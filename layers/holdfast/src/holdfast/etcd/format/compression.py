"""What the compressions of a snapshot have in common: frames one after another, and a table of their sizes at the end.

A frame is what each format can unpack without the others: a zstd frame, a gzip member.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from holdfast.errors import DamagedError

# Of a stream without a table as well: empty frames cost nothing to write, and time to read.
MAX_FRAMES = 1 << 20


class Unpacker(Protocol):
    """Unpacks one frame: `eof` once it has ended, `unused_data` is what came behind its end."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Form:
    """How one compression writes a snapshot.

    `head` is what stands before a table of so many bytes (its footer included) and `tail` what stands behind it: bytes
    that make ordinary tools pass over the table. `whole` unpacks one frame to exactly the size that it is given and
    takes no more memory than that. `unpackers` gives, for one stream, what makes an unpacker for each of its frames,
    whatever their size; their failures are `failure`.
    """

    name: str
    recognizes: Callable[[bytes], bool]
    head: Callable[[int], bytes]
    tail: bytes
    max_table_bytes: int
    whole: Callable[[bytes, int], bytes]
    unpackers: Callable[[], Callable[[], Unpacker]]
    failure: type[Exception]


def invalid_compression(reason: str) -> DamagedError:
    return DamagedError(
        "snapshot_compression_invalid",
        reason,
        hint="The compressed file was cut or changed. Fetch it again, or use another backup.",
    )


def unpacked(form: Form, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The raw bytes of all frames. A cut or foreign frame, and anything behind the last one, is DamagedError.

    A piece is unpacked at once, so its size bounds the memory: it is the caller's to keep pieces small.
    """
    unpacker = form.unpackers()
    frame: Unpacker | None = None
    frames = 0
    try:
        for piece in pieces:
            waiting = piece
            while waiting:
                if frame is None:
                    frame, frames = unpacker(), frames + 1
                    if frames > MAX_FRAMES:
                        raise invalid_compression(f"more than {MAX_FRAMES} {form.name} frames")
                yield frame.decompress(waiting)
                waiting = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    except form.failure as error:
        raise invalid_compression(f"the compressed snapshot does not decompress ({error})") from error
    if frame is not None or not frames:
        raise invalid_compression("the compressed snapshot ends within a frame")
