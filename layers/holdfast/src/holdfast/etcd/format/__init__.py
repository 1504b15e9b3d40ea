"""The snapshot file: trailer, compression, database pages, key space. Pure: bytes in, values or DamagedError out.

    trailer    the SHA-256 at the end of every snapshot
    compression, zstd_frames, gzip_members    frames as each format writes them
    seekable   a compressed snapshot that can be read from any place
    source     where the bytes of a database come from
    page, meta, bolt    the pages of bbolt and the tree that they make
    record, crc, keyspace    etcd's records in that tree, and what they add up to
    head, inventory    the two questions that are asked: the short one and the full one

Nothing read is trusted: every offset, count and length is checked before it is used.
"""
