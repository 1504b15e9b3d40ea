"""A TCP proxy on loopback that lets a connection bring so many bytes and then holds it until a test lets go.

Small answers pass; a snapshot stops in its middle, every time at the same place, whatever the machine is doing.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_CHUNK = 16 * 1024


class HoldingProxy:
    """`url` stands in for the server's; `hold_after` counts the bytes that one connection brings from the server."""

    def __init__(self, target: str, hold_after: int) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self._hold_after = hold_after
        self._let_go = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def let_go(self) -> None:
        self._let_go.set()

    def close(self) -> None:
        self.let_go()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                threading.Thread(target=self._pump, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, self._hold_after), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, hold_after: int | None) -> None:
        brought = 0
        with contextlib.suppress(OSError):  # either end is gone
            while chunk := source.recv(_CHUNK):
                brought += len(chunk)
                if hold_after is not None and brought > hold_after:
                    self._let_go.wait()
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def held(target: str, *, after: int = 1024 * 1024) -> Iterator[HoldingProxy]:
    proxy = HoldingProxy(target, after)
    try:
        yield proxy
    finally:
        proxy.close()
