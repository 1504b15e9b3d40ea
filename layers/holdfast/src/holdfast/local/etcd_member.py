"""One etcd process on loopback: its folder, its ports, its command line, its life."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from holdfast.local.child import ends_with_us
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.pki import CertificateAuthority

# Shorter than etcd's own 100 and 1,000 ms, so that a first leader comes in under a second.
_HEARTBEAT_MS = 100
_ELECTION_MS = 600


def free_port() -> int:
    """A port that was free a moment ago; somebody may take it before etcd does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class LocalMember:
    """`folder` holds data/, its certificate and etcd.log. `extra` are further arguments of etcd."""

    name: str
    folder: Path
    client_port: int
    peer_port: int
    extra: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.client_port}"

    @property
    def peer_url(self) -> str:
        return f"https://127.0.0.1:{self.peer_port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "etcd.log"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def write_certificates(self, authority: CertificateAuthority) -> None:
        pair = authority.issue_member(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "ca.crt").write_text(authority.certificate)
        (self.folder / "member.crt").write_text(pair.certificate)
        key = self.folder / "member.key"
        key.touch(mode=0o600)
        key.write_text(pair.key)

    def start(self, initial_cluster: str, token: str, state: str = "new") -> None:
        """Does not wait: `running` and the log tell whether it stays up."""
        command = ends_with_us(str(etcd_binary("etcd")), *self._arguments())
        command += ["--initial-cluster", initial_cluster, "--initial-cluster-token", token]
        command += ["--initial-cluster-state", state, *self.extra]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def stop(self) -> None:
        """At once, as a machine that loses power: the data survives in the folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self) -> int:
        """Until the process ends by itself; its exit code."""
        return self._process.wait() if self._process is not None else 0

    def pause(self) -> None:
        """Stops answering while its kernel keeps the connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def port_was_taken(self) -> bool:
        return (
            not self.running and self.log.exists() and "address already in use" in self.log.read_text(errors="replace")
        )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _arguments(self) -> list[str]:
        certificate = ["cert-file", "member.crt"], ["key-file", "member.key"], ["trusted-ca-file", "ca.crt"]
        arguments = ["--name", self.name, "--data-dir", str(self.data)]
        for prefix in ("", "peer-"):
            for option, file in certificate:
                arguments += [f"--{prefix}{option}", str(self.folder / file)]
        arguments += ["--client-cert-auth", "--peer-client-cert-auth"]
        arguments += ["--listen-client-urls", self.endpoint, "--advertise-client-urls", self.endpoint]
        arguments += ["--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url]
        arguments += ["--heartbeat-interval", str(_HEARTBEAT_MS), "--election-timeout", str(_ELECTION_MS)]
        # Otherwise a member may be added only five seconds after all others connected.
        arguments += ["--strict-reconfig-check=false"]
        # Nothing here has to survive a power cut; without fsync a cluster starts and fills much faster.
        return [*arguments, "--unsafe-no-fsync"]
