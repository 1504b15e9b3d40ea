"""A real Ceph RADOS Gateway on this machine: one monitor, one OSD in memory, one gateway, ready in a second or two.

It is an S3 server that people run, release 16 with what that release lacks: no conditional put, no newer checksums.
What it has, it means: Object Lock, versions, quotas, and bucket policies between its users. Its daemons are children of
ours that the kernel ends with us, so nothing is left of them however a test or a measurement ends.
"""

import contextlib
import json
import shutil
import ssl
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.local.child import ends_with_us
from holdfast.local.etcd_member import free_port
from holdfast.local.pki import CertificateAuthority, issue_ca

PACKAGES = "ceph-mon ceph-osd radosgw ceph-common"
PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph-authtool", "monmaptool", "osdmaptool")
START_S = 60.0
MB = 1024 * 1024
# The monitor collects changes for a second before it agrees on them; for the dozen changes of a start that is 20 s.
# A gateway asks every other one before it changes a bucket; one that was killed is asked until its watch is over, 30 s.
# Pools have one placement group on the one OSD. With no path for it, no socket of a daemon is longer than 107 bytes.
CONFIGURATION = """
[global]
fsid={fsid}
mon host=v2:127.0.0.1:{monitor}
keyring={folder}/keyring
run dir={folder}
log file={folder}/$name.log
admin socket=
pid file=
mon data={folder}/mon
osd data={folder}/osd
osd objectstore=memstore
memstore device bytes={memory}
osd pool default size=1
osd pool default min size=1
osd pool default pg num=1
osd pool default pgp num=1
osd pool default pg autoscale mode=off
osd crush chooseleaf type=0
mon allow pool size one=true
mon max pg per osd=1000
mon data avail warn=0
mon data avail crit=0
ms bind msgr1=false
paxos propose interval=0.02
paxos min wait=0.01
osd client watch timeout=1
{options}
[client.rgw]
rgw frontends=beast tcp_nodelay=1 endpoint=127.0.0.1:{plain} ssl_endpoint=127.0.0.1:{tls} {pair}
"""


class CephError(RuntimeError):
    """It did not start, or an administrative command failed."""


def why_no_ceph() -> str:
    """Empty where it can be started."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(missing)} not found: apt-get install --no-install-recommends {PACKAGES}" if missing else ""


@dataclass(frozen=True)
class CephUser:
    """A user of the gateway with the keys that it signs with."""

    name: str
    access_key: str
    secret_key: str


@dataclass
class CephGateway:
    """`url` is HTTPS under a CA of its own, whose certificate is `ca` (PEM, and the file `ca_file`). `plain_url` is the
    same gateway without TLS."""

    folder: Path
    plain_port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    authority: CertificateAuthority = field(default_factory=lambda: issue_ca("The store's own CA"))
    _daemons: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.plain_port}"

    @property
    def ca(self) -> str:
        return self.authority.certificate

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def start(self, *, memory_mb: int, options: str = "") -> None:
        monitor, fsid = free_port(), str(uuid.uuid4())
        for each in ("mon", "osd"):
            (self.folder / each).mkdir(parents=True)
        self._write_configuration(fsid=fsid, monitor=monitor, memory=memory_mb * MB, options=options)
        self._write_keys()
        monitors, osds = (str(self.folder / name) for name in ("monmap", "osdmap"))
        address = f"[v2:127.0.0.1:{monitor}]"
        self._run("monmaptool", "--create", "--clobber", "--addv", "a", address, "--fsid", fsid, monitors)
        # A monitor that is born with the map of its one OSD needs nobody to tell it of one.
        self._run("osdmaptool", *self._conf, "--createsimple", "1", "--clobber", osds)
        keyring = str(self.folder / "keyring")
        born = ("--mkfs", "-i", "a", "--monmap", monitors, "--osdmap", osds, "--keyring", keyring)
        self._run("ceph-mon", *born, *self._conf)
        self._spawn("ceph-mon", "-i", "a")
        self._run("ceph-osd", "-i", "0", "--mkfs", *self._conf, "--osd-uuid", str(uuid.uuid4()))
        self._spawn("ceph-osd", "-i", "0")
        self.start_gateway()

    def start_gateway(self) -> None:
        self._spawn("radosgw", "-n", "client.rgw")
        self._wait()

    def stop_gateway(self) -> None:
        """At once, in the middle of what it does; the objects stay with the OSD."""
        self._end("radosgw")

    def stop(self) -> None:
        for program in tuple(self._daemons):
            self._end(program)

    def new_user(self, name: str, *options: str) -> CephUser:
        access, secret = uuid.uuid4().hex[:20], uuid.uuid4().hex
        keys = (f"--access-key={access}", f"--secret-key={secret}")
        self.admin("user", "create", f"--uid={name}", f"--display-name={name}", *keys, *options)
        return CephUser(name, access, secret)

    def admin(self, *arguments: str) -> Any:
        """What `radosgw-admin` says, parsed where it is JSON."""
        said = self._run("radosgw-admin", *self._conf, "-n", "client.rgw", *arguments)
        try:
            return json.loads(said)
        except ValueError:
            return said

    @property
    def _conf(self) -> tuple[str, str]:
        return "-c", str(self.folder / "ceph.conf")

    def _write_configuration(self, **values: object) -> None:
        server, file = self.authority.issue_member("gateway"), self.folder / "gateway.pem"
        file.write_text(server.certificate + server.key)
        values |= {"plain": self.plain_port, "tls": self.tls_port}
        values |= {"folder": self.folder, "pair": f"ssl_certificate={file} ssl_private_key={file}"}
        (self.folder / "ceph.conf").write_text(CONFIGURATION.format(**values))
        self.ca_file.write_text(self.ca)

    def _write_keys(self) -> None:
        keyring = str(self.folder / "keyring")
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        may = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
        for name in ("client.admin", "client.rgw", "osd.0"):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *may)

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=START_S)
        if done.returncode != 0:
            raise CephError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-600:]}")
        return done.stdout

    def _spawn(self, program: str, *arguments: str) -> None:
        path = shutil.which(program)
        if path is None:
            raise CephError(why_no_ceph())
        with (self.folder / f"{program}.out").open("ab") as output:
            self._daemons[program] = subprocess.Popen(
                ends_with_us(path, "-f", *arguments, *self._conf),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _end(self, program: str) -> None:
        daemon = self._daemons.pop(program, None)
        if daemon:
            daemon.kill()
            daemon.wait()

    def _wait(self) -> None:
        trusted = ssl.create_default_context(cadata=self.ca)
        deadline, said = time.monotonic() + START_S, OSError("nobody asked")
        while time.monotonic() < deadline:
            for program, daemon in self._daemons.items():
                if daemon.poll() is not None:
                    raise CephError(f"{program} ended: {(self.folder / f'{program}.out').read_text()[-2000:]}")
            try:
                urllib.request.urlopen(self.url, timeout=5, context=trusted).close()  # noqa: S310 - our own address
            except OSError as error:  # urllib's own error is one
                said = error
                time.sleep(0.05)
            else:
                return
        raise CephError(f"the gateway at {self.url} did not answer within {START_S:.0f} s: {said}")


@contextlib.contextmanager
def ceph_gateway(folder: Path, *, memory_mb: int = 1024, options: str = "") -> Iterator[CephGateway]:
    """A gateway whose files are below `folder`, which holds its keys; nothing runs any more when the block ends.
    `options` are lines of ceph.conf."""
    if why := why_no_ceph():
        raise CephError(why)
    gateway = CephGateway(folder)
    try:
        gateway.start(memory_mb=memory_mb, options=options)
        yield gateway
    finally:
        gateway.stop()
