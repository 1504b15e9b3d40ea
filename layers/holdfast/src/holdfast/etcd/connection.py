"""A gRPC channel to one etcd member, with mutual TLS."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from urllib.parse import urlsplit

import grpc
from grpc.experimental import ChannelOptions

from holdfast.models.credentials import EtcdTls

# Where an endpoint is really connected to, while the block lasts: the local end of a port-forward.
type Dial = Callable[[str], AbstractContextManager[tuple[str, int]]]

# etcd's servers refuse clients that ping more often than every five seconds (--grpc-keepalive-min-time).
KEEPALIVE_MS = 10_000
# A page of values may be large; a snapshot's messages are 32 KiB.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# How far a member may send ahead of the reader: enough for 80 MB/s at 50 ms, and memory stays the same on every route.
WINDOW_BYTES = 4 * 1024 * 1024


def address(endpoint: str) -> tuple[str, int]:
    """Host and port of an endpoint https://HOST:PORT, an IPv6 host without its brackets."""
    parts = urlsplit(endpoint)
    if not parts.hostname or parts.port is None:
        raise ValueError(f"{endpoint!r} is no https://HOST:PORT")
    return parts.hostname, parts.port


def way_to(endpoint: str, dial: Dial | None) -> AbstractContextManager[tuple[str, int]]:
    return dial(endpoint) if dial else nullcontext(address(endpoint))


def name_of(endpoint: str, server_name: str | None) -> str:
    """The name that the member's certificate must carry, wherever the connection goes through."""
    return server_name or address(endpoint)[0]


def channel_options(server_name: str | None) -> list[tuple[str, str | int]]:
    options: list[tuple[str, str | int]] = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_MS),
        ("grpc.http2.max_pings_without_data", 0),
        # A window of fixed size; gRPC's own estimate let it grow to 60 MB of memory on loopback, and was no faster.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", WINDOW_BYTES),
        # A member's own port, never through a web proxy that the environment happens to name.
        ("grpc.enable_http_proxy", 0),
        # A new channel starts without another one's reconnect back-off.
        ("grpc.use_local_subchannel_pool", 1),
        # Streams are read on the caller's thread: a quarter less processor time for 32 KiB messages.
        (ChannelOptions.SingleThreadedUnaryStream, 1),
    ]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return options


@contextmanager
def open_channel(
    endpoint: str, tls: EtcdTls, server_name: str | None, dial: Dial | None = None
) -> Iterator[grpc.Channel]:
    """Closed when the block ends, whatever happens in it. Connecting happens with the first call."""
    credentials = grpc.ssl_channel_credentials(
        root_certificates=tls.ca.get_secret_value().encode(),
        private_key=tls.key.get_secret_value().encode(),
        certificate_chain=tls.cert.get_secret_value().encode(),
    )
    options = channel_options(name_of(endpoint, server_name) if dial else server_name)
    with way_to(endpoint, dial) as (host, port):
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        channel = grpc.secure_channel(target, credentials, options=options)
        try:
            yield channel
        finally:
            channel.close()
