"""Errors of the SSH path, each with what to do. Nothing here takes a key's or a command's text."""

from holdfast.errors import HoldfastError, PermanentError, TransientError

_SUDO = (
    ("a password is required", "asks for a password"),
    ("a terminal is required", "asks for a password"),
    ("you must have a tty", "insists on a terminal (requiretty)"),
    ("is not in the sudoers", "does not know the user"),
    ("not allowed to execute", "does not allow the user this"),
    ("may not run sudo", "does not know the user"),
)


def unreachable(where: str, why: object) -> TransientError:
    text = str(why) or type(why).__name__
    return TransientError(
        "node_unreachable",
        f"{where}: no SSH connection: {text}",
        hint="Check that the host is up, its sshd, and the route and firewalls to its port.",
    )


def jump_unreachable(where: str, why: object) -> TransientError:
    text = str(why) or type(why).__name__
    return TransientError(
        "ssh_jump_unreachable",
        f"{where}: no SSH connection to the jump host: {text}",
        hint="Check that the jump host is up, and transport.jump in the cluster file.",
    )


def jump_refuses(where: str, code: int, why: object) -> HoldfastError:
    """`code` as in RFC 4254, 5.1: 1 is "administratively prohibited"."""
    if code == 1:
        return PermanentError(
            "ssh_jump_forbids",
            f"{where}: the jump host does not let connections through: {why}",
            hint="Its sshd must allow them to this user: AllowTcpForwarding local, PermitOpen, and no restrict in "
            "authorized_keys.",
        )
    return TransientError(
        "node_unreachable",
        f"{where}: the jump host could not connect there: {why}",
        hint="Check the node, and the route and firewalls between the jump host and it.",
    )


def key_rejected(where: str, user: str) -> PermanentError:
    return PermanentError(
        "ssh_key_rejected",
        f"{where}: the host does not accept the key for user {user}",
        hint=f"Add the key's public half to ~{user}/.ssh/authorized_keys there, or correct user and credentials.",
    )


def host_key_refused(where: str, seen: list[tuple[str, str]], *, pinned: bool) -> HoldfastError:
    """`seen` are (type, fingerprint). Said before anything of ours was sent."""
    shown = ", ".join(f"{kind} {fingerprint}" for kind, fingerprint in seen)
    kind, fingerprint = seen[0]
    file = f"/etc/ssh/ssh_host_{kind.removeprefix('ssh-').split('-')[0]}_key.pub"
    pin = f'compare it on the host itself with `ssh-keygen -lf {file}`, then pin it: host_keys: ["{fingerprint}"]'
    if pinned:
        return PermanentError(
            "ssh_host_key_changed",
            f"{where}: the host shows {shown}, which is not pinned",
            hint=f"Somebody may be in between. If the host was made anew, {pin}",
        )
    return PermanentError(
        "ssh_host_key_unknown", f"{where}: no host key is pinned; the host shows {shown}", hint=pin[0].upper() + pin[1:]
    )


def sudo_refused(where: str, user: str, stderr: str) -> PermanentError | None:
    """None when the words are not sudo's."""
    for words, meaning in _SUDO:
        if words in stderr:
            return PermanentError(
                "node_sudo_refused",
                f"{where}: sudo {meaning} for user {user}",
                hint=f"Add to /etc/sudoers.d/holdfast there: `Defaults:{user} !requiretty` and "
                f"`{user} ALL=(root) NOPASSWD: /bin/sh`",
            )
    return None
