"""How a connection to an SSH server is opened."""

import socket

from holdfast.models.cluster import SshHost
from holdfast.transports.ssh.connection import dialled


def test_a_connection_sends_small_packets_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = SshHost(host="127.0.0.1", port=server.getsockname()[1])
        with dialled(host, 2.0) as opened:
            assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
