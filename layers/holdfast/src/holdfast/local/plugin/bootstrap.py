"""The first lines of a Lambda process: tie its life to LocalStack's, then become awslambdaric.

Runs by path in the lean Lambda environment (`python -P bootstrap.py <handler> <parent pid>`): nothing of ours is there.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    handler, parent = sys.argv[1], int(sys.argv[2])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # LocalStack died between the fork and the line above
        sys.exit(1)
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
