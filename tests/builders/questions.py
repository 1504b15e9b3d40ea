"""survey.sh and etcd_facts.sh, run on this machine as a node would run them; and an etcd that is no pod."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from builders.real_etcd import two_free_ports
from builders.shell import Shell, toolbox
from builders.waiting import wait_for
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.pki import CertificateAuthority, issue_ca
from holdfast.models.command import STDERR_LIMIT, STDOUT_LIMIT, Command, CommandResult
from holdfast.transports.steps import assignments


class Asker:
    """A shell with a PATH of its own. `without` names tools that the node does not have."""

    def __init__(self, folder: Path, shell: Shell, *, without: tuple[str, ...] = ()) -> None:
        self._folder, self._shell = folder, shell
        folder.mkdir()
        bin_folder = folder / "bin"
        self._path = toolbox(bin_folder, shell, without=without)
        (bin_folder / "id").symlink_to(str(shutil.which("busybox" if shell == "busybox" else "id")))
        if "etcdctl" not in without:
            (bin_folder / "etcdctl").symlink_to(etcd_binary("etcdctl"))

    def ask(self, command: Command, **values: str) -> CommandResult:
        script = self._folder / "script"
        script.write_text(assignments({**command.values, **values}) + command.script)
        shell = ("busybox", "sh") if self._shell == "busybox" else (self._shell,)
        # Absolute: the interpreter is not one of the node's tools.
        ended = subprocess.run(
            [str(shutil.which(shell[0])), *shell[1:], str(script)],
            cwd=self._folder,
            env={"PATH": self._path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return CommandResult(
            exit_code=ended.returncode,
            stdout=ended.stdout[:STDOUT_LIMIT],
            stderr=ended.stderr[-STDERR_LIMIT:],
            truncated=len(ended.stdout) > STDOUT_LIMIT,
        )


@contextlib.contextmanager
def etcd_of_the_environment(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """A TLS member that is a process of the host and has nothing on its command line: (process, its environment)."""
    pki = write_pki(folder / "pki", issue_ca())
    client, peer = two_free_ports()
    urls = f"https://127.0.0.1:{client}"
    environment = {
        "ETCD_NAME": "outside-1",
        "ETCD_DATA_DIR": str(folder / "data"),
        "ETCD_LISTEN_CLIENT_URLS": urls,
        "ETCD_ADVERTISE_CLIENT_URLS": urls,
        "ETCD_LISTEN_PEER_URLS": f"http://127.0.0.1:{peer}",
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": f"http://127.0.0.1:{peer}",
        "ETCD_INITIAL_CLUSTER": f"outside-1=http://127.0.0.1:{peer}",
        "ETCD_INITIAL_CLUSTER_TOKEN": "a-token-that-stays-here",
        "ETCD_CERT_FILE": str(pki / "server.crt"),
        "ETCD_KEY_FILE": str(pki / "server.key"),
        "ETCD_TRUSTED_CA_FILE": str(pki / "ca.crt"),
        "ETCD_CLIENT_CERT_AUTH": "true",
        "ETCD_UNSAFE_NO_FSYNC": "true",
        "ETCD_LOG_LEVEL": "error",
    }
    with (
        (folder / "etcd.log").open("wb") as log,
        subprocess.Popen([str(etcd_binary("etcd"))], env=environment, cwd=folder, stdout=log, stderr=log) as process,
    ):
        try:
            health = [str(etcd_binary("etcdctl")), f"--endpoints={urls}", "--command-timeout=1s"]
            health += [f"--cacert={pki / 'ca.crt'}", f"--cert={pki / 'server.crt'}", f"--key={pki / 'server.key'}"]
            wait_for(
                lambda: subprocess.run([*health, "endpoint", "health"], capture_output=True).returncode == 0,
                "an answer of the member",
            )
            yield process, environment
        finally:
            process.kill()


def write_pki(folder: Path, authority: CertificateAuthority) -> Path:
    folder.mkdir(parents=True)
    pair = authority.issue_member("server")
    for name, text in {"ca.crt": authority.certificate, "server.crt": pair.certificate, "server.key": pair.key}.items():
        (folder / name).write_text(text)
    return folder


def node_root(folder: Path, *, shown: Path, process: int | None = None, cgroup: str = "0::/system.slice") -> Path:
    """A directory that looks like a node's own: `shown` under its own path, and at most one process."""
    proc = folder / "proc"
    proc.mkdir(parents=True)
    (folder / "var/lib").mkdir(parents=True)
    (proc / "sys").symlink_to("/proc/sys")
    (folder / shown.parts[1]).symlink_to(f"/{shown.parts[1]}")
    if process is not None:
        real, seen = Path(f"/proc/{process}"), proc / str(process)
        seen.mkdir()
        for name in ("comm", "cmdline", "environ", "root"):
            (seen / name).symlink_to(real / name)
        (seen / "cwd").symlink_to((real / "cwd").readlink())
        (seen / "cgroup").write_text(f"{cgroup}\n")
    return folder
