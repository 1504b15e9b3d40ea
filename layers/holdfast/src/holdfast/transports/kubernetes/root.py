"""A root shell of a node, in the privileged pod: text by standard input, files, argv after chroot.

exec's standard input has no end (exec.py), so everything that reads it is told how many bytes come.
"""

from holdfast.models.command import STDERR_LIMIT, STDOUT_LIMIT
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.exec import Container, execute
from holdfast.transports.kubernetes.failures import broken
from holdfast.transports.remote_files import check_read, check_written, read_argv, write_argv

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a shell and a container runtime add to the number of the signal that ended a program.
_SIGNALLED = 128
# The whole text is read before any of it runs: nothing in it can read on in what follows. It is in no argument list.
_EVAL = f'export {_PATH}; text=$(head -c "$1") && eval "$text" </dev/null'


def chrooted(argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv` as the host's root runs it."""
    return ("chroot", "/host", *argv)


def run_text(api: KubernetesApi, pod: Container, text: str, timeout_s: float) -> str:
    """What a step's text (transports/steps.py) prints. It ends well whatever it says, unless it is killed, as when
    its pod is deleted: TransientError `kubernetes_stream_broken`."""
    data = text.encode()
    argv = chrooted(("/bin/sh", "-c", _EVAL, "sh", str(len(data))))
    limit = STDOUT_LIMIT + STDERR_LIMIT + 4096
    output = execute(api, pod, argv, stdin=data, limit=limit, timeout_s=timeout_s)
    if output.exit_code > _SIGNALLED:
        raise broken(str(pod), f"the program was ended by signal {output.exit_code - _SIGNALLED}")
    return output.stdout.decode("ascii", "replace")


def write_file(api: KubernetesApi, pod: Container, where: str, path: str, data: bytes, mode: int) -> None:
    argv = chrooted(write_argv(where, path, data, mode))
    output = execute(api, pod, argv, stdin=data, timeout_s=60)
    check_written(where, path, output.exit_code, output.stderr)


def read_file(api: KubernetesApi, pod: Container, where: str, path: str, limit: int) -> bytes:
    output = execute(api, pod, chrooted(read_argv(path, limit)), limit=limit, timeout_s=60)
    check_read(where, path, limit, output.exit_code, output.stderr)
    return output.stdout
