"""A Ceph RADOS Gateway on this machine for the time of a measurement: one monitor, one OSD in memory, one gateway.

It is a real S3 server in C++ that is far faster than the emulations in Python, so it is no bottleneck. It has no
conditional put and refuses the newer checksums (release 16), as many stores that people run.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

from bench.problem import BenchError
from holdfast.local.etcd_member import free_port

ACCESS_KEY, SECRET_KEY = "bench", "bench-secret"
PACKAGES = "ceph-mon ceph-osd radosgw ceph-common"
PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "ceph", "ceph-authtool", "monmaptool", "radosgw-admin")
START_S = 60.0
CONFIGURATION = """
[global]
fsid={fsid}
mon host=v2:127.0.0.1:{monitor}
keyring={folder}/keyring
run dir={folder}
log file={folder}/$name.log
admin socket={folder}/$name.asok
pid file={folder}/$name.pid
osd data={folder}/osd
mon data={folder}/mon
osd pool default size=1
osd pool default min size=1
osd pool default pg num=1
osd pool default pgp num=1
osd pool default pg autoscale mode=off
osd crush chooseleaf type=0
osd objectstore=memstore
memstore device bytes=6442450944
mon allow pool size one=true
mon max pg per osd=1000
ms bind msgr1=false
[client.rgw]
rgw frontends=beast endpoint=127.0.0.1:{gateway}
"""


@contextlib.contextmanager
def ceph_gateway(folder: Path) -> Iterator[str]:
    """The URL of a gateway whose files are below `folder`; nothing runs any more when the block ends."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise BenchError(f"{', '.join(missing)} not found: apt-get install --no-install-recommends {PACKAGES}")
    for needed in (folder, folder / "mon", folder / "osd"):
        needed.mkdir()
    port = free_port()
    try:
        _start(folder, fsid=str(uuid.uuid4()), gateway=port)
        _wait(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        _stop(folder)


def _start(folder: Path, *, fsid: str, gateway: int) -> None:
    monitor = free_port()
    configuration, keyring, map_file = folder / "ceph.conf", folder / "keyring", folder / "monmap"
    configuration.write_text(CONFIGURATION.format(fsid=fsid, folder=folder, monitor=monitor, gateway=gateway))
    conf = ("-c", str(configuration))
    _run("ceph-authtool", "--create-keyring", str(keyring), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    for name in ("client.admin", "client.rgw", "osd.0"):
        _run(
            "ceph-authtool", str(keyring), "--gen-key", "-n", name, "--cap", "mon", "allow *", "--cap", "osd", "allow *"
        )
    address = f"[v2:127.0.0.1:{monitor}]"
    _run("monmaptool", "--create", "--clobber", "--addv", "a", address, "--fsid", fsid, str(map_file))
    _run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(map_file), "--keyring", str(keyring), *conf)
    _run("ceph-mon", "-i", "a", *conf)
    osd = str(uuid.uuid4())
    _run("ceph", *conf, "osd", "new", osd)
    _run("ceph", *conf, "auth", "import", "-i", str(keyring))
    _run("ceph-osd", "-i", "0", "--mkfs", *conf, "--osd-uuid", osd, "--keyring", str(keyring))
    _run("ceph", *conf, "osd", "crush", "add", "osd.0", "1", "root=default", "host=localhost")
    _run("ceph-osd", "-i", "0", *conf, "--keyring", str(keyring))
    user = ("--uid=bench", "--display-name=bench", f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")
    _run("radosgw-admin", *conf, "-n", "client.rgw", "user", "create", *user)
    _run("radosgw", *conf, "-n", "client.rgw")


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=90)
    if done.returncode != 0:
        raise BenchError(f"{command[0]} failed: {done.stderr.strip()[-600:]}")


def _wait(url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own loopback address
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise BenchError(f"the gateway at {url} did not answer within {START_S:.0f} s")


def _stop(folder: Path) -> None:
    """Ceph's daemons leave their parent, so they are ended by the process ids that they wrote into `folder`."""
    pids = [int(file.read_text()) for file in folder.glob("*.pid") if file.read_text().strip()]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        _wait_until_gone(pid)


def _wait_until_gone(pid: int) -> None:
    """Until then it may still write into the folder that is about to be removed. A zombie writes no more."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
