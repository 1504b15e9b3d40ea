"""A child process that does not outlive us, whatever ends us. Linux only."""

import os
import sys

# Run between fork and the program: asks the kernel to kill this process when the thread that started it ends (prctl
# option 1 is PR_SET_PDEATHSIG), then becomes the program. A preexec_fn would do it in a fork of a process with gRPC's
# threads.
_DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    raise SystemExit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def ends_with_us(program: str, *arguments: str) -> list[str]:
    """The command line that runs `program` (a path) until the calling thread's end, at the latest."""
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), program, *arguments]
