"""How large the parts of a multipart upload are."""

MIB = 1024 * 1024

# S3's limits: at least 5 MiB a part (the last one excepted), at most 10,000 parts.
MAX_PARTS = 10_000
# A part is held in memory while it is sent, three at a time: small parts keep a backup's memory flat.
SMALLEST_PART = 8 * MIB
# The database may grow between the plan and the stream, and zstd may find nothing to compress.
GROWTH = 2


def part_size(expected_bytes: int) -> int:
    """Bytes of one part, a multiple of 1 MiB, for a database that its member says is `expected_bytes` large."""
    needed = -(-expected_bytes * GROWTH // MAX_PARTS)
    return max(SMALLEST_PART, -(-needed // MIB) * MIB)


def node_part_size(expected_bytes: int) -> int:
    """Of an upload that a node sends: a part is a file there and costs no memory, and every part costs a URL."""
    return max(2 * SMALLEST_PART, part_size(expected_bytes))


def part_count(expected_bytes: int, part_bytes: int) -> int:
    """How many URLs a node is given: enough for a database that grew, and that zstd finds nothing to compress in."""
    return min(MAX_PARTS, expected_bytes * GROWTH // part_bytes + 1)
