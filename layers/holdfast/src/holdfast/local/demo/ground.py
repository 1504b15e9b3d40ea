"""Where the demo's nodes can be made: root makes namespaces, anybody else first becomes root of a user namespace."""

import os
import shutil
import subprocess
import sys

from holdfast.local.machines.machine import why_no_machines

_BECOME_ROOT = ("unshare", "--user", "--map-root-user", "--")
# What a machine does first, tried before anything is started: some systems allow the namespace and then no mount.
_TRY = ("unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "sh", "-c", "mount -t tmpfs try /tmp")
_TRY_S = 20


def become_root() -> None:
    """Begin this very command anew as root of a user namespace of its own, which is nobody outside of it. Returns when
    there is no need to, or no such namespace to be had; `why_no_nodes` then says so."""
    if os.geteuid() != 0 and not _why_not_root():
        sys.stdout.flush()
        sys.stderr.flush()
        os.execvp(_BECOME_ROOT[0], [*_BECOME_ROOT, sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def why_no_nodes() -> str:
    """Why this machine has no namespaces for nodes; "" when it has."""
    if os.geteuid() != 0:
        return f"this user is not root, and cannot be root of a user namespace: {_why_not_root()}"
    return why_no_machines(ssh=False)


def _why_not_root() -> str:
    if shutil.which(_BECOME_ROOT[0]) is None:
        return "there is no program unshare (package util-linux)"
    command = [*_BECOME_ROOT, *_TRY]
    try:
        tried = subprocess.run(  # noqa: S603 - our own arguments
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TRY_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"unshare did not end within {_TRY_S} s"
    return "" if tried.returncode == 0 else tried.stderr.strip() or f"unshare ended with {tried.returncode}"
