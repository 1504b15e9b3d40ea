"""etcd: the gRPC client behind the contract in base.py, a double in memory.py, and the file format in format/."""

import os

# gRPC's C core writes its own lines to stderr, for a refused handshake too, which our errors report already. It reads
# this once, when it is first imported, so it stands before any import of it. Set it to DEBUG to see more.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
