"""The first part of a runbook: fetch what is needed, check it, and bring it to the nodes."""

import shlex
from collections.abc import Iterator

from holdfast.models.restore import NodeCommand, RestorePlan
from holdfast.planning.naming import MANIFEST, SIGNATURE
from holdfast.planning.runbook_blocks import HAND, code, together

_WORK = "$HOME/holdfast-restore"


def prepare(plan: RestorePlan, snapshots: str, secrets: str, store: tuple[str, ...] = ()) -> Iterator[str]:
    yield "## Prepare"
    yield (
        "On the machine with `aws`. Save this page there as `runbook.md`, and stay in one terminal. What you fetch "
        "holds every Secret of the cluster: only you may read it."
    )
    lines = ["umask 077", f'mkdir -p "{_WORK}"', f'cp runbook.md "{_WORK}"', f'cd "{_WORK}"']
    lines += ["sed -n '/^# functions: begin/,/^# functions: end/p' runbook.md >functions.sh", "sh -n functions.sh"]
    yield together(lines)
    fetching = _commands(plan, "fetch")
    if store:
        yield "The backups are in a store of your own; this leads `aws` there, and it stays true in this terminal:"
        yield code("\n".join(store))
    if fetching:
        yield from _snapshot(plan, fetching[0], snapshots)
    nodes = tuple(dict.fromkeys(command.node for step in plan.steps for command in step.commands))
    yield (
        f"Bring them to the nodes, into `{HAND}`: by `scp`, as here, or by any other way. Where names do not lead to "
        "the nodes, put addresses in their place."
    )
    lines = []
    for node in nodes:
        needs_snapshot = any(command.node == node for command in fetching)
        lines.append(f"ssh -n root@{node} 'umask 077; mkdir -p {HAND}'")
        lines.append(f"scp -p functions.sh{' snapshot.db' if needs_snapshot else ''} root@{node}:{HAND}/")
    yield together(lines)
    yield from prepare_bundles(plan, secrets)


def prepare_bundles(plan: RestorePlan, secrets: str) -> Iterator[str]:
    """Nothing for a plan without them."""
    commands = _commands(plan, "fetch-bundle")
    if not commands:
        return
    yield "Each node's certificates, keys and manifests, from the secrets bucket; in the same terminal as before:"
    yield from _bucket(secrets, "SECRETS", "the secrets bucket")
    lines = []
    for command in commands:
        packed = f"bundle-{command.node}.packed"
        lines += [
            f'aws s3 cp "s3://$SECRETS/"{shlex.quote(plan.bundle_keys[command.node])} {packed}',
            f"echo '{command.values['bundle_sha256']}  {packed}' | sha256sum -c",
            f"{_unpack(command)} {packed} >bundle-{command.node}.tar",
        ]
    yield together(lines)
    yield "Go on when every line says `OK`."
    yield together([f"scp -p bundle-{each.node}.tar root@{each.node}:{HAND}/bundle.tar" for each in commands])


def _commands(plan: RestorePlan, name: str) -> tuple[NodeCommand, ...]:
    return next((step.commands for step in plan.steps if step.name == name), ())


def _unpack(command: NodeCommand) -> str:
    return "gzip -dc" if command.values.get("compression") == "gzip" else "zstd -dc"


def _bucket(name: str, variable: str, what: str) -> Iterator[str]:
    """A block of its own: a person may have to change it."""
    if not name:
        yield f"Put the name of {what} in place of BUCKET:"
    yield code(f"{variable}={shlex.quote(name) if name else 'BUCKET'}")


def _snapshot(plan: RestorePlan, command: NodeCommand, bucket: str) -> Iterator[str]:
    packed = shlex.quote(plan.snapshot_key.rpartition("/")[2])
    yield "The snapshot:"
    yield from _bucket(bucket, "SNAPSHOTS", "the snapshots bucket")
    yield together(
        [
            f'aws s3 cp "s3://$SNAPSHOTS/"{shlex.quote(plan.snapshot_key)} {packed}',
            f"{_unpack(command)} {packed} >snapshot.db",
            "wc -c <snapshot.db",
            "head -c -32 snapshot.db | sha256sum",
            "tail -c 32 snapshot.db | od -An -v -t x1 | tr -d ' \\n'; echo",
        ]
    )
    sha256, size = command.values["sha256"], command.values["raw_size"]
    yield f"Go on when the size is {size}, and both hashes are `{sha256}`. Otherwise use another backup."
    yield from _signature(plan)


def _signature(plan: RestorePlan) -> Iterator[str]:
    """This page lies in the same bucket as what it would check: the public key comes from elsewhere, and what is
    compared are the signed hash and that of the file at hand."""
    key = shlex.quote(plan.snapshot_key.rpartition("/")[0])
    yield (
        "Whose backup is it? Put the public key of the installation, which you keep outside of the bucket (`holdfast "
        f"backup signing-key` or `aws kms get-public-key` gave it), into `{_WORK}/signing-key.pem`."
    )
    yield together(
        [
            "if [ -f signing-key.pem ]; then",
            f'aws s3 cp "s3://$SNAPSHOTS/"{key}/{MANIFEST} {MANIFEST} &&',
            f'aws s3 cp "s3://$SNAPSHOTS/"{key}/{SIGNATURE} {SIGNATURE} &&',
            rf"""sed -n 's/.*"signature": *"\([^"]*\)".*/\1/p' {SIGNATURE} | openssl base64 -d -A >manifest.der &&""",
            f"openssl dgst -sha256 -verify signing-key.pem -signature manifest.der {MANIFEST} &&",
            f"""grep -F "$(head -c -32 snapshot.db | sha256sum | cut -d ' ' -f 1)" {MANIFEST}""",
            "else echo 'not checked: there is no signing-key.pem here'; fi",
        ]
    )
    yield (
        "Go on when it says `Verified OK`, and the line `sha256` of the manifest after it. `Verification Failure`, or "
        "no such line: somebody else wrote this backup. Use another one, and look who writes into the bucket. A backup "
        "that is older than the signing key has no signature; whether you trust it is yours to say."
    )
