"""A listener on loopback whose connections come out at a port of a node, each through a channel of its own."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import paramiko

_CHUNK = 256 * 1024
_JOIN_S = 5.0
_AT_ONCE = struct.pack("ii", 1, 0)


@contextmanager
def forwarded(where: str, transport: paramiko.Transport, port: int, connect_s: float) -> Iterator[tuple[str, int]]:
    """(host, port) of the listener. A port that nobody listens at shows as connections that are reset."""
    pairs: list[tuple[socket.socket, paramiko.Channel]] = []
    threads: list[threading.Thread] = []

    def start(work: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=work, name=f"forward {where}", daemon=True))
        threads[-1].start()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, came_from = listener.accept()
            except OSError:
                return
            try:
                channel = transport.open_channel("direct-tcpip", ("127.0.0.1", port), came_from, timeout=connect_s)
            except (paramiko.SSHException, EOFError, OSError):
                # A reset, as from a port that nobody listens at; an orderly end would look like a server that hung up.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                client.close()
                continue
            pairs.append((client, channel))
            start(partial(_copy, client.recv, channel.sendall, channel.shutdown_write))
            start(partial(_copy, channel.recv, client.sendall, partial(client.shutdown, socket.SHUT_WR)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        start(lambda: serve(listener))
        try:
            yield listener.getsockname()[:2]
        finally:
            # Closing alone would not wake the thread that accepts.
            listener.shutdown(socket.SHUT_RDWR)
            for client, channel in pairs:
                channel.close()
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
                client.close()
            for thread in threads:
                thread.join(_JOIN_S)


def _copy(receive: Callable[[int], bytes], send: Callable[[bytes], None], end: Callable[[], None]) -> None:
    """One direction, until either side ends; the other direction has its own end."""
    with suppress(OSError, EOFError, paramiko.SSHException):
        while data := receive(_CHUNK):
            send(data)
        end()
