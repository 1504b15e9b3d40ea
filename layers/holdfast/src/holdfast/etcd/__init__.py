"""etcd: the gRPC client behind the contract in base.py, a double in memory.py, and the file format in format/."""
