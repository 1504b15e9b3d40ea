"""A machine: Linux namespaces with their own root directory, processes, users, sudo, boot id and a real sshd.

It shares this machine's loopback network, kernel, clock and /usr (read-only) and nothing else, so that what runs there
as root cannot touch the host. It needs root and util-linux, no container engine, and dies with the thread that started
it; without sshd, root in a user namespace is enough. `Machine.path` is where the host sees a file of the machine;
`Machine.enter` runs programs in it.
"""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from functools import cache
from pathlib import Path
from typing import Literal, Self

import holdfast
from holdfast.errors import PermanentError
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.etcd_member import free_port
from holdfast.local.machines.keys import HostKey, host_key
from holdfast.local.machines.waiting import wait_for

Sudo = Literal["nopasswd", "password", "none", "requiretty"]

USER = "core"
PROGRAMS = ("unshare", "nsenter", "setpriv", "pivot_root", "mount", "curl")
SSH_PROGRAMS = ("sshd", "sudo")
_BOOT = Path(__file__).with_name("boot.sh")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BEHIND_SUDO = f"Defaults secure_path={_PATH}\nroot ALL=(ALL:ALL) ALL\n"
_SUDOERS: dict[Sudo, str] = {
    "nopasswd": f"{USER} ALL=(ALL) NOPASSWD: ALL\n",
    "password": f"{USER} ALL=(ALL) ALL\n",
    "none": "",
    "requiretty": f"Defaults requiretty\n{USER} ALL=(ALL) NOPASSWD: ALL\n",
}
_ENTER = """#!/bin/sh
pid=$(cat {pid}) 2>/dev/null || {{ echo "{name} is off" >&2; exit 255; }}
exec nsenter --target "$pid" --mount --uts --pid --root env -i HOME=/root LANG=C \\
	PATH={path} "$@"
"""
_COMMAND_LINES = """for each in /proc/[0-9]*; do
	[ "${each#/proc/}" = $$ ] || { tr "\\0" " " <$each/cmdline; echo; }
done 2>/dev/null"""
_FOLDERS = ("/etc/boot.d", "/home", "/usr/local/bin", "/mnt", "/opt", "/srv", "/var/log", "/var/lib", "/var/empty")


@cache
def why_no_machines(*, ssh: bool = True) -> str:
    """What this machine lacks for others, which `ssh` says whether to reach so; "" when it lacks nothing."""
    if os.geteuid() != 0:
        return "machines are namespaces, which need root"
    needed, path = PROGRAMS + (SSH_PROGRAMS if ssh else ()), os.environ.get("PATH", "") + ":/usr/sbin"
    missing = [each for each in needed if shutil.which(each, path=path) is None]
    if missing:
        return f"machines need {', '.join(missing)} on PATH (make system installs them)"
    command = ["unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    return "" if tried.returncode == 0 else f"this machine permits no namespaces: {tried.stderr.strip()}"


class Machine:
    """`with Machine(folder, "n1", public_key) as machine:` is one that is up. Its files are in `<folder>/<name>`.

    `public_key` is let in by sshd, as `core` and as root; "" is a machine without sshd and sudo. `address` is the one
    of 127.0.0.0/8 that sshd listens on; `host_keys` says which kinds it shows.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        public_key: str = "",
        *,
        address: str = "127.0.0.1",
        sudo: Sudo = "nopasswd",
        forwarding: bool = False,
        host_keys: tuple[str, ...] = ("ed25519",),
    ) -> None:
        self.name = name
        self.address = address
        self.folder = folder / name
        self.root = self.folder / "root"
        self.host_keys: tuple[HostKey, ...] = tuple(host_key(kind) for kind in host_keys)
        self.ssh_port = free_port()
        self._public_key = public_key
        self._forwarding = forwarding
        self._process: subprocess.Popen[bytes] | None = None
        self._lay_out(sudo)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(each.fingerprint for each in self.host_keys)

    def path(self, inside: str) -> Path:
        """Nothing of /usr can be written but /usr/local/bin, which is the machine's own."""
        programs = "/usr/local/bin"
        if inside.startswith(programs):
            return self.folder / "programs" / inside.removeprefix(programs).lstrip("/")
        return self.root / inside.lstrip("/")

    def write(self, inside: str, text: str, *, mode: int = 0o644) -> Path:
        """Replaces the file; folders are made."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def enter(self) -> tuple[str, ...]:
        """What goes before a program's arguments to run it in the machine, as root. The same after a reboot; while it
        is off, the exit code is 255."""
        return (str(self.folder / "enter"),)

    def run(self, *argv: str, text: str = "", timeout_s: float = 60) -> str:
        """What the program printed; PermanentError `machine_failed` with its stderr when it failed."""
        done = subprocess.run(  # noqa: S603 - in a machine of ours
            [*self.enter(), *argv], input=text, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if done.returncode != 0:
            raise PermanentError("machine_failed", f"{shlex.join(argv)} on {self.name}: {done.stderr.strip()}")
        return done.stdout

    def hide(self, program: str) -> None:
        """From now on, until the next boot, there is no such program."""
        for folder in ("bin", "sbin"):
            if self.path(f"/usr/local/{folder}/{program}").exists() or Path(f"/usr/{folder}/{program}").exists():
                self.run("mount", "--bind", "/dev/null", f"/usr/{folder}/{program}")

    def command_lines(self) -> list[str]:
        """The arguments of every process in the machine, this look's own not counted."""
        return [line.strip() for line in self.run("sh", "-c", _COMMAND_LINES).splitlines() if line.strip()]

    def start(self) -> None:
        self.launch()
        self.wait_until_up()

    def launch(self) -> None:
        """Does not wait, so that several may boot at once."""
        self.write("/etc/boot_id", f"{uuid.uuid4()}\n", mode=0o444)
        (self.root / "run" / "booted").unlink(missing_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts", "--pid", "--fork"]
        command += ["--kill-child=KILL", str(_BOOT), str(self.root), self.name, str(etcd_binary("etcd").parent)]
        command += [sys.base_prefix, str(Path(holdfast.__file__).parent)]
        with (self.folder / "boot.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own script and arguments
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_up(self) -> None:
        pid = wait_for(self._first_process, f"the first process of {self.name}", 10)
        (self.folder / "pid").write_text(str(pid))
        wait_for(self._is_up, f"the boot of {self.name}", 20)

    def stop(self) -> None:
        """At once, as a machine that loses power: files stay, processes do not."""
        if self._process is None:
            return
        note = self.folder / "pid"
        if note.exists():
            # The kernel ends all others with the first one; its parent then ends by itself.
            os.kill(int(note.read_text()), signal.SIGKILL)
            note.unlink()
        else:
            self._process.kill()
        self._process.wait()
        self._process = None

    def reboot(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def set_sudo(self, sudo: Sudo) -> None:
        """From the next call of sudo on."""
        self.write("/etc/sudoers", _BEHIND_SUDO + _SUDOERS[sudo], mode=0o440)

    def _first_process(self) -> int | None:
        if self._process is None or self._process.poll() is not None:
            said = (self.folder / "boot.log").read_text(errors="replace")[-500:]
            raise PermanentError("machine_failed", f"{self.name} did not boot: {said}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _is_up(self) -> bool:
        self._first_process()
        if not (self.root / "run" / "booted").exists():
            return False
        if not self._public_key:
            return True
        log = self.path("/var/log/sshd.log")
        if log.exists() and "Cannot bind" in log.read_text():
            raise PermanentError("machine_failed", f"{self.name}: port {self.ssh_port} is taken")
        with contextlib.suppress(OSError), socket.create_connection((self.address, self.ssh_port), timeout=5) as opened:
            return opened.recv(4) == b"SSH-"
        return False

    def _lay_out(self, sudo: Sudo) -> None:
        for inside in _FOLDERS:
            self.path(inside).mkdir(parents=True)
        self.path("/root").mkdir(mode=0o700)
        for inside in ("/tmp", "/var/tmp"):  # noqa: S108 - in the machine
            self.path(inside).mkdir()
            self.path(inside).chmod(0o1777)
        self.path("/var/run").symlink_to("/run")
        enter = self.folder / "enter"
        enter.write_text(_ENTER.format(pid=shlex.quote(str(self.folder / "pid")), name=self.name, path=_PATH))
        enter.chmod(0o755)
        self._add_users()
        if self._public_key:
            self._let_in()
            self._add_sshd()
            self.set_sudo(sudo)

    def _add_users(self) -> None:
        names = [(USER, 1000, f"/home/{USER}", "/bin/sh"), ("root", 0, "/root", "/bin/sh")]
        names += [("sshd", 110, "/run/sshd", "/usr/sbin/nologin"), ("nobody", 65534, "/", "/usr/sbin/nologin")]
        self.write("/etc/passwd", "".join(f"{name}:x:{uid}:{uid}::{home}:{sh}\n" for name, uid, home, sh in names))
        self.write("/etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid, _, _ in names))
        self.write("/etc/shadow", "".join(f"{name}:*:19000:0:99999:7:::\n" for name, *_ in names), mode=0o640)
        self.write("/etc/hostname", f"{self.name}\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost {self.name}\n")

    def _let_in(self) -> None:
        for inside, uid in ((f"/home/{USER}", 1000), ("/root", 0)):
            self.write(f"{inside}/.ssh/authorized_keys", f"{self._public_key}\n", mode=0o600)
            for each in (inside, f"{inside}/.ssh", f"{inside}/.ssh/authorized_keys"):
                os.chown(self.path(each), uid, uid)

    def _add_sshd(self) -> None:
        lines = [f"ListenAddress {self.address}:{self.ssh_port}", "PidFile none", "UsePAM no", "PrintMotd no"]
        lines += ["PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password"]
        lines += [f"AllowTcpForwarding {'yes' if self._forwarding else 'local'}", "LogLevel VERBOSE"]
        for each in self.host_keys:
            lines.append(f"HostKey /etc/ssh/ssh_host_{each.kind}_key")
            self.write(f"/etc/ssh/ssh_host_{each.kind}_key", each.private, mode=0o600)
            self.write(f"/etc/ssh/ssh_host_{each.kind}_key.pub", f"{each.public}\n")
        self.write("/etc/ssh/sshd_config", "\n".join(lines) + "\n")
        self.write("/etc/boot.d/sshd", "#!/bin/sh\nexec /usr/sbin/sshd -D -e\n", mode=0o755)
