"""Real etcd members with mutual TLS on this machine's loopback: for tests, the demo, the bench and restore drills."""

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.etcd.base import EtcdDeadlines
from holdfast.etcd.client import GrpcEtcdCluster
from holdfast.local.etcd_binaries import EtcdTool, etcd_binary
from holdfast.local.etcd_member import LocalMember, free_port
from holdfast.local.etcd_writer import EtcdWriter
from holdfast.local.pki import CertificateAuthority, issue_ca
from holdfast.models.credentials import EtcdTls
from holdfast.models.etcd import EtcdFacts

START_ATTEMPTS = 4
# etcd's suggested maximum; with its default of 2 GiB a larger snapshot would restore into a NOSPACE alarm.
LARGEST_QUOTA_BYTES = 8 * 1024**3
_POLL_S = 0.1
_PATIENT = EtcdDeadlines(call_s=3.0)


class LocalEtcd:
    """`LocalEtcd.start(folder)` gives a healthy cluster; leaving the `with` block or `stop()` ends every process.

    The members also die with the thread that started them (the kernel sees to it), so start a cluster from a thread
    that lives as long as it. They run in sessions of their own: Ctrl-C reaches only the caller, who then stops them.
    """

    def __init__(self, folder: Path, authority: CertificateAuthority, members: list[LocalMember]) -> None:
        self.folder = folder
        self.authority = authority
        self.members = members
        self.token = f"holdfast-{uuid.uuid4().hex[:12]}"
        client = authority.issue_client()
        self.tls = EtcdTls.model_validate({"ca": authority.certificate, "cert": client.certificate, "key": client.key})

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        members: int = 3,
        snapshot: Path | None = None,
        quota_bytes: int | None = None,
        authority: CertificateAuthority | None = None,
        timeout_s: float = 60.0,
        port: Callable[[], int] = free_port,
    ) -> Self:
        """`folder` is made where it is missing. `snapshot` is a raw file as `etcdctl snapshot save` writes it; every
        member is restored from it under a fresh token. Ports that somebody takes meanwhile cost another attempt."""
        extra = ("--quota-backend-bytes", str(quota_bytes)) if quota_bytes else ()
        authority = authority or issue_ca()
        for _ in range(START_ATTEMPTS):
            names = [f"etcd-{number}" for number in range(members)]
            made = [LocalMember(name, folder / name, port(), port(), extra) for name in names]
            cluster = cls(folder, authority, made)
            if cluster._bring_up(snapshot, timeout_s):
                return cluster
        raise TransientError(
            "etcd_ports_taken", f"no free loopback ports in {START_ATTEMPTS} attempts", hint="Try again."
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(member.endpoint for member in self.members)

    def client(self, *, deadlines: EtcdDeadlines | None = None) -> GrpcEtcdCluster:
        return GrpcEtcdCluster(self.endpoints, self.tls, deadlines=deadlines)

    def writer(self) -> EtcdWriter:
        return EtcdWriter(self.endpoints[0], self.tls)

    def etcdctl(self, *arguments: str, tool: EtcdTool = "etcdctl") -> str:
        """Standard output. The first member's endpoint unless `arguments` name another."""
        command = [str(etcd_binary(tool)), *arguments]
        if tool == "etcdctl":
            command += self._etcdctl_flags(named="--endpoints" in " ".join(arguments))
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603 - our own binary
        if done.returncode != 0:
            raise PermanentError("etcd_tool_failed", f"{tool} {arguments[0]}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def stop(self) -> None:
        for member in self.members:
            member.stop()

    def stop_member(self, index: int) -> None:
        self.members[index].stop()

    def start_member(self, index: int) -> None:
        """After `stop_member`: on the same data and ports. Wait with `wait_until` for what you need."""
        self.members[index].start(self._initial_cluster(), self.token)

    def pause_member(self, index: int) -> None:
        self.members[index].pause()

    def resume_member(self, index: int) -> None:
        self.members[index].resume()

    def add_learner(self, timeout_s: float = 30.0) -> int:
        """A further, non-voting member that has caught up; its index in `members`."""
        name = f"learner-{len(self.members)}"
        learner = LocalMember(name, self.folder / name, free_port(), free_port())
        learner.write_certificates(self.authority)
        self.etcdctl("member", "add", name, "--learner", f"--peer-urls={learner.peer_url}")
        self.members.append(learner)
        learner.start(self._initial_cluster(), self.token, state="existing")
        self.wait_until(lambda facts: any(status.is_learner for status in facts.statuses), timeout_s)
        return len(self.members) - 1

    def wait_until(
        self, condition: Callable[[EtcdFacts], bool], timeout_s: float = 30.0, *, all_run: bool = False
    ) -> EtcdFacts:
        """The first facts that meet `condition`, else TransientError `etcd_local_timeout`. With `all_run` a member
        that ended is PermanentError `etcd_local_died` at once."""
        deadline = time.monotonic() + timeout_s
        client = self.client(deadlines=_PATIENT)
        while True:
            if all_run:
                self._refuse_dead_members()
            try:
                facts = client.facts()
                last = "the facts are not as expected"
                if condition(facts):
                    return facts
            except HoldfastError as error:
                last = str(error)
            if time.monotonic() > deadline:
                raise TransientError("etcd_local_timeout", f"after {timeout_s:g} s: {last}", hint=self._logs_hint())
            time.sleep(_POLL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _bring_up(self, snapshot: Path | None, timeout_s: float) -> bool:
        """False when another process took one of the ports."""
        try:
            for member in self.members:
                shutil.rmtree(member.folder, ignore_errors=True)
                member.write_certificates(self.authority)
                if snapshot is not None:
                    self._restore(member, snapshot)
            for member in self.members:
                member.start(self._initial_cluster(), self.token)
            self.wait_until(self._healthy, timeout_s, all_run=True)
        except HoldfastError:
            self.stop()
            if any(member.port_was_taken() for member in self.members):
                return False
            raise
        except BaseException:
            self.stop()
            raise
        return True

    def _healthy(self, facts: EtcdFacts) -> bool:
        leaders = {status.leader_id for status in facts.statuses}
        return len(facts.statuses) == len(self.members) and len(leaders) == 1 and leaders != {"0"}

    def _refuse_dead_members(self) -> None:
        dead = [member.name for member in self.members if not member.running]
        if dead:
            raise PermanentError("etcd_local_died", f"{', '.join(dead)} ended at once", hint=self._logs_hint())

    def _restore(self, member: LocalMember, snapshot: Path) -> None:
        self.etcdctl(
            "snapshot",
            "restore",
            str(snapshot),
            f"--data-dir={member.data}",
            f"--name={member.name}",
            f"--initial-cluster={self._initial_cluster()}",
            f"--initial-cluster-token={self.token}",
            f"--initial-advertise-peer-urls={member.peer_url}",
            tool="etcdutl",
        )

    def _initial_cluster(self) -> str:
        return ",".join(f"{member.name}={member.peer_url}" for member in self.members)

    def _etcdctl_flags(self, *, named: bool) -> list[str]:
        client = self.folder / "client"
        client.mkdir(exist_ok=True)
        flags = [] if named else [f"--endpoints={self.endpoints[0]}"]
        for flag, file, text in (
            ("cacert", "ca.crt", self.tls.ca),
            ("cert", "client.crt", self.tls.cert),
            ("key", "client.key", self.tls.key),
        ):
            path = client / file
            path.touch(mode=0o600)
            path.write_text(text.get_secret_value())
            flags.append(f"--{flag}={path}")
        return flags

    def _logs_hint(self) -> str:
        return "See " + ", ".join(str(member.log) for member in self.members) + "."


def restore_throwaway(snapshot: Path, folder: Path) -> LocalEtcd:
    """One member restored from `snapshot` (raw) in `folder`: a drill that proves the file restores."""
    return LocalEtcd.start(folder, members=1, snapshot=snapshot, quota_bytes=LARGEST_QUOTA_BYTES)
