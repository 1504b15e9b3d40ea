"""The committed messages are what the committed .proto gives, on etcd's wire format and beside another etcd .proto."""

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool

from holdfast.etcd import rpc_pb2 as rpc

SOURCE = Path(sys.modules["holdfast.etcd"].__path__[0])


def test_the_generated_files_are_up_to_date(tmp_path: Path) -> None:
    """If this fails: `make proto`."""
    root = SOURCE.parents[1]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{root}"]
    command += [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", "holdfast/etcd/rpc.proto"]
    subprocess.run(command, check=True)
    for name in ("rpc_pb2.py", "rpc_pb2.pyi"):
        assert (tmp_path / "holdfast/etcd" / name).read_text() == (SOURCE / name).read_text()


def test_another_definition_of_etcds_package_can_be_loaded_beside_ours() -> None:
    other = descriptor_pb2.FileDescriptorProto(name="rpc.proto", package="etcdserverpb", syntax="proto3")
    other.message_type.add(name="SnapshotResponse")
    descriptor_pool.Default().Add(other)
    assert descriptor_pool.Default().FindMessageTypeByName("etcdserverpb.SnapshotResponse")


def test_a_snapshot_message_of_a_newer_server_is_read() -> None:
    """remaining_bytes = 2, blob = 3; field 4 (`version`, since etcd 3.6) is skipped."""
    wire = b"\x10\x2a" + b"\x1a\x03abc" + b"\x22\x053.6.0"
    message = rpc.SnapshotResponse.FromString(wire)
    assert (message.remaining_bytes, message.blob) == (42, b"abc")
