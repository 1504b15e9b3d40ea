"""An authenticated SSH connection to a host whose key is pinned, directly or through another one."""

import base64
import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from holdfast.errors import HoldfastError
from holdfast.models.cluster import SshHost
from holdfast.transports.ssh.failures import host_key_refused, key_rejected

type Dial = Callable[[], socket.socket | paramiko.Channel]


@dataclass(frozen=True)
class SshDeadlines:
    """Seconds: to connect, for the banner, the key exchange and the authentication each; for one exchange with a shell,
    which may stop a step; between keep-alives."""

    connect_s: float = 10.0
    handshake_s: float = 15.0
    exchange_s: float = 45.0
    keepalive_s: int = 15


def dialled(host: SshHost, timeout_s: float) -> socket.socket:
    """Connected, and told not to hold small packets back: SSH sends several in a row, and with Nagle's algorithm each
    row costs the other side's delayed acknowledgement, some 40 ms on every exchange."""
    opened = socket.create_connection((host.host, host.port), timeout=timeout_s)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -lf` prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def connect(
    where: str,
    host: SshHost,
    user: str,
    key: paramiko.PKey,
    dial: Dial,
    *,
    deadlines: SshDeadlines,
    unreachable: Callable[[str, object], HoldfastError],
) -> paramiko.Transport:
    """`where` names the host in errors. The key is checked before the user is named.

    PermanentError `ssh_host_key_unknown`, `ssh_host_key_changed`, `ssh_key_rejected`; what `unreachable` makes of the
    rest.
    """
    transport = _trusted(where, host, dial, deadlines, unreachable)
    try:
        transport.auth_timeout = deadlines.handshake_s
        transport.auth_publickey(user, key)
        if not transport.is_authenticated():
            raise key_rejected(where, user)
        transport.set_keepalive(deadlines.keepalive_s)
    except paramiko.AuthenticationException:
        transport.close()
        raise key_rejected(where, user) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        raise unreachable(where, error) from error
    except HoldfastError:
        transport.close()
        raise
    return transport


def _trusted(
    where: str,
    host: SshHost,
    dial: Dial,
    deadlines: SshDeadlines,
    unreachable: Callable[[str, object], HoldfastError],
) -> paramiko.Transport:
    """A host has a key of each kind and shows one: when that is not the pinned one, the others are asked for."""
    seen: list[tuple[str, str]] = []
    while True:
        transport = None
        try:
            transport = paramiko.Transport(dial())
            transport.banner_timeout = transport.handshake_timeout = deadlines.handshake_s
            options = transport.get_security_options()
            options.key_types = tuple(kind for kind in options.key_types if not _is_of(kind, seen))
            transport.start_client(timeout=deadlines.handshake_s)
            key = transport.get_remote_server_key()
        except (paramiko.SSHException, EOFError, OSError) as error:
            if transport is not None:
                transport.close()
            if seen and isinstance(error, paramiko.SSHException):
                raise host_key_refused(where, seen, pinned=True) from None
            raise unreachable(where, error) from error
        if fingerprint(key) in host.host_keys:
            return transport
        transport.close()
        seen.append((key.get_name(), fingerprint(key)))
        if not host.host_keys:
            raise host_key_refused(where, seen, pinned=False)


def _is_of(kind: str, seen: list[tuple[str, str]]) -> bool:
    """rsa-sha2-512 and rsa-sha2-256 are signatures by one and the same kind of key, ssh-rsa."""
    names = {name for name, _ in seen}
    return kind in names or ("ssh-rsa" in names and kind.startswith("rsa-sha2"))
