"""Small files by a root shell: whole or not at all. Which programs do it, and what their exit codes mean."""

from holdfast.errors import InvalidInputError, PermanentError
from holdfast.models.command import STDERR_LIMIT

UPLOAD_LIMIT = 1 << 20
# Told how many bytes come: not every standard input has an end, and one that broke must not leave half a file.
_WRITE = """set -u; umask 077; new=$1.holdfast-new.$$
trap 'rm -f -- "$new"' EXIT
[ ! -d "$1" ] && head -c "$2" >"$new" && [ "$(wc -c <"$new")" -eq "$2" ] && chmod "$3" "$new" && mv -- "$new" "$1" """
_READ = '[ -f "$1" ] || exit 44; size=$(wc -c <"$1") || exit 1; [ "$size" -le "$2" ] || exit 45; head -c "$2" -- "$1"'
_MISSING, _TOO_LARGE = 44, 45


def write_argv(where: str, path: str, data: bytes, mode: int) -> tuple[str, ...]:
    """Takes `data` from its standard input. InvalidInputError `node_file_too_large`."""
    if len(data) > UPLOAD_LIMIT:
        raise InvalidInputError(
            "node_file_too_large", f"{where}: {path} has {len(data)} bytes; at most {UPLOAD_LIMIT} are sent"
        )
    return ("/bin/sh", "-c", _WRITE, "sh", path, str(len(data)), f"{mode:o}")


def check_written(where: str, path: str, exit_code: int, stderr: bytes) -> None:
    if exit_code != 0:
        raise command_failed(where, f"writing {path}", exit_code, stderr)


def read_argv(path: str, limit: int) -> tuple[str, ...]:
    return ("/bin/sh", "-c", _READ, "sh", path, str(limit))


def check_read(where: str, path: str, limit: int, exit_code: int, stderr: bytes) -> None:
    """PermanentError `node_file_missing`, `node_file_too_large`, `node_command_failed`."""
    if exit_code == _MISSING:
        raise PermanentError("node_file_missing", f"{where}: there is no file {path}", hint="Check the path.")
    if exit_code == _TOO_LARGE:
        raise PermanentError("node_file_too_large", f"{where}: {path} has more than {limit} bytes")
    if exit_code != 0:
        raise command_failed(where, f"reading {path}", exit_code, stderr)


def command_failed(where: str, what: str, exit_code: int, stderr: bytes) -> PermanentError:
    return PermanentError(
        "node_command_failed",
        f"{where}: {what} ended with exit code {exit_code}: {words(stderr)}",
        hint="See the words of the program.",
    )


def words(stderr: bytes) -> str:
    """The last of them, in one line."""
    return " ".join(stderr[-STDERR_LIMIT:].decode("utf-8", "replace").split())[-500:]
