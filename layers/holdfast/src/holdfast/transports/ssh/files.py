"""Small files over a root shell of SSH."""

from holdfast.transports.remote_files import check_read, check_written, read_argv, write_argv
from holdfast.transports.ssh.shell import Shell


def write_file(shell: Shell, where: str, path: str, data: bytes, mode: int) -> None:
    exit_code, _, stderr = shell.output(write_argv(where, path, data, mode), data, limit=0)
    check_written(where, path, exit_code, stderr)


def read_file(shell: Shell, where: str, path: str, limit: int) -> bytes:
    exit_code, data, stderr = shell.output(read_argv(path, limit), limit=limit)
    check_read(where, path, limit, exit_code, stderr)
    return data
