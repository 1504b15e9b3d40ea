"""A root shell on a host: a text in, its output out. Neither text nor data is ever in a process's arguments."""

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import paramiko

from holdfast.errors import HoldfastError, PermanentError
from holdfast.models.command import STDERR_LIMIT
from holdfast.transports.remote_files import command_failed, words
from holdfast.transports.ssh.connection import SshDeadlines
from holdfast.transports.ssh.failures import sudo_refused, unreachable

_CHUNK = 256 * 1024
# What a login script printed comes before this line, which our own programs print first.
_BEGIN = b"holdfast-begin\n"
_MARKED = 'echo holdfast-begin; exec "$@"'
_NOISE_LIMIT = 16 * 1024
# More than step.sh ever prints; what comes beyond is somebody else's.
_ANSWER_LIMIT = 64 * 1024
_OURS = '{"holdfast":"step"'
# Standard input stays open as long as somebody reads: a program that prints nothing would not notice that nobody does.
_STREAM = """exec 3<&0 </dev/null
echo holdfast-begin
"$@" 3<&- & program=$!
{ cat <&3; kill "$program"; } >/dev/null 2>&1 & watch=$!
exec 3<&-
wait "$program"; code=$?
kill "$watch"
exit "$code" """


class Shell:
    """Of one connection. Errors: TransientError `node_unreachable`, PermanentError `node_sudo_refused`,
    `node_output_unreadable`."""

    def __init__(self, where: str, transport: paramiko.Transport, user: str, deadlines: SshDeadlines) -> None:
        self._where, self._transport, self._user, self._deadlines = where, transport, user, deadlines

    def answer(self, text: str) -> str:
        """The step answer in what the text printed: a login script may have said something before it."""
        exit_code, stdout, stderr = self.talk("/bin/sh -s", text.encode(), limit=_ANSWER_LIMIT)
        output = stdout.decode("ascii", "replace")
        begin = output.find(_OURS)
        if begin >= 0:
            return output[begin:]
        raise self.refused(stderr) or self._no_answer(exit_code, stderr)

    def output(self, argv: tuple[str, ...], data: bytes = b"", *, limit: int) -> tuple[int, bytes, bytes]:
        """`talk` without what a login script printed."""
        command = shlex.join(["/bin/sh", "-c", _MARKED, "sh", *argv])
        exit_code, stdout, stderr = self.talk(command, data, limit=limit + _NOISE_LIMIT)
        _, begun, printed = stdout.partition(_BEGIN)
        if not begun:
            raise self.refused(stderr) or self._no_answer(exit_code, stderr)
        return exit_code, printed[:limit], stderr

    def talk(self, command: str, data: bytes, *, limit: int) -> tuple[int, bytes, bytes]:
        """(exit code, at most `limit` bytes of stdout, the last bytes of stderr) of a command run as root."""
        with self._channel(command) as channel:
            channel.settimeout(self._deadlines.exchange_s)
            try:
                channel.sendall(data)
                channel.shutdown_write()
                stdout, stderr = _drained(channel, limit, self._deadlines.exchange_s)
                return _exit_code(channel), stdout, stderr
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise unreachable(self._where, error) from error

    @contextmanager
    def streamed(self, argv: tuple[str, ...]) -> Iterator[Iterator[bytes]]:
        """The output of a program as it comes. Its arguments are in the process list: no secret belongs there."""
        with self._channel(shlex.join(["/bin/sh", "-c", _STREAM, "sh", *argv])) as channel:
            channel.settimeout(self._deadlines.exchange_s)
            yield self._blobs(channel, argv[0])

    def _blobs(self, channel: paramiko.Channel, name: str) -> Iterator[bytes]:
        try:
            begun, before = False, b""
            while data := channel.recv(_CHUNK):
                if not begun:
                    before += data
                    _, found, data = before.partition(_BEGIN)
                    begun = bool(found)
                    if not begun and len(before) > _NOISE_LIMIT:
                        break
                if begun and data:
                    yield data
            stderr = b"".join(iter(lambda: channel.recv_stderr(_CHUNK), b""))
            exit_code = _exit_code(channel)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise unreachable(self._where, error) from error
        if not begun:
            raise self.refused(stderr) or self._no_answer(exit_code, stderr)
        if exit_code != 0:
            raise command_failed(self._where, name, exit_code, stderr)

    @contextmanager
    def _channel(self, command: str) -> Iterator[paramiko.Channel]:
        """`command` begins with /bin/sh, so that sudoers need to allow nothing else."""
        full = command if self._user == "root" else f"sudo -n {command}"
        try:
            channel = self._transport.open_session(timeout=self._deadlines.connect_s)
            channel.exec_command(full)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise unreachable(self._where, error) from error
        try:
            yield channel
        finally:
            with suppress(EOFError, OSError, paramiko.SSHException):
                channel.close()

    def _no_answer(self, exit_code: int, stderr: bytes) -> HoldfastError:
        return PermanentError(
            "node_output_unreadable",
            f"{self._where}: the shell ended with {exit_code} and no answer of ours",
            hint=f"It said: {words(stderr)}" if stderr.strip() else "A shell that is no POSIX shell is one reason.",
        )

    def refused(self, stderr: bytes) -> HoldfastError | None:
        """What sudo's words mean, None for words that are not sudo's."""
        return (
            None if self._user == "root" else sudo_refused(self._where, self._user, stderr.decode("utf-8", "replace"))
        )


def _exit_code(channel: paramiko.Channel) -> int:
    """paramiko tells -1 where the server told none. Our shells end by an exit, so then the connection is gone."""
    exit_code = channel.recv_exit_status()
    if exit_code < 0:
        raise EOFError("the connection ended in the middle")
    return exit_code


def _has_ended(channel: paramiko.Channel) -> bool:
    """A channel whose connection broke has an exit status too, but no end of its output."""
    return channel.exit_status_ready() and bool(channel.eof_received)


def _drained(channel: paramiko.Channel, limit: int, deadline_s: float) -> tuple[bytes, bytes]:
    """Both streams to their ends, turn by turn: a full window of one must not keep the other from ending."""
    stdout, stderr = bytearray(), bytearray()
    until = time.monotonic() + deadline_s

    def take(ready: Callable[[], bool], receive: Callable[[int], bytes], into: bytearray) -> bool:
        if not ready():
            return False
        into += receive(_CHUNK)
        return True

    while True:
        ended = _has_ended(channel)
        took = take(channel.recv_ready, channel.recv, stdout)
        took |= take(channel.recv_stderr_ready, channel.recv_stderr, stderr)
        del stdout[limit:], stderr[:-STDERR_LIMIT]
        if ended and not took:
            return bytes(stdout), bytes(stderr)
        if not took:
            if channel.closed and not _has_ended(channel):
                raise EOFError("the connection ended in the middle")
            if time.monotonic() > until:
                raise TimeoutError(f"no end within {deadline_s:g} s")
            channel.status_event.wait(0.02)
