"""Processes of containers. It imports nothing, as crictl is started often."""

PATH = "/usr/local/bin:/usr/bin:/bin"


def running(pid: int) -> bool:
    """One whose parent has not looked yet has ended all the same."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - pathlib takes longer to import than all the rest
            status = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
