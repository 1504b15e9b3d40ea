"""The first part of a runbook: fetch what is needed, check it, and bring it to the nodes."""

import shlex
from collections.abc import Iterator

from holdfast.models.restore import NodeCommand, RestorePlan
from holdfast.planning.runbook_blocks import HAND, code

_WORK = "$HOME/holdfast-restore"


def prepare(plan: RestorePlan, snapshots: str, secrets: str) -> Iterator[str]:
    fetching = _commands(plan, "fetch")
    bundles = _commands(plan, "fetch-bundle")
    yield "## Prepare"
    yield (
        "On the machine with `aws`. Save this page there as `runbook.md`, and stay in one terminal. What you fetch "
        "holds every Secret of the cluster: only you may read it."
    )
    lines = ["umask 077", f'mkdir -p "{_WORK}"', f'cp runbook.md "{_WORK}"', f'cd "{_WORK}"']
    lines += ["sed -n '/^# functions: begin/,/^# functions: end/p' runbook.md >functions.sh", "sh -n functions.sh"]
    yield code("\n".join(lines))
    if fetching:
        yield from _snapshot(plan, fetching[0], snapshots)
    if bundles:
        yield from _bundles(plan, bundles, secrets)
    yield from _bring(plan, [command.node for command in fetching], [command.node for command in bundles])


def _commands(plan: RestorePlan, name: str) -> tuple[NodeCommand, ...]:
    return next((step.commands for step in plan.steps if step.name == name), ())


def _bucket(name: str, variable: str) -> str:
    return (
        f"{variable}={shlex.quote(name)}" if name else f'printf "Name of the {variable} bucket: "; read -r {variable}'
    )


def _snapshot(plan: RestorePlan, command: NodeCommand, bucket: str) -> Iterator[str]:
    packed = plan.snapshot_key.rpartition("/")[2]
    unpack = "gzip -dc" if command.values.get("compression") == "gzip" else "zstd -dc"
    sha256, size = command.values["sha256"], command.values["raw_size"]
    yield "The snapshot:"
    yield code(
        "\n".join(
            [
                _bucket(bucket, "SNAPSHOTS"),
                f'aws s3 cp "s3://$SNAPSHOTS/"{shlex.quote(plan.snapshot_key)} {shlex.quote(packed)}',
                f"{unpack} {shlex.quote(packed)} >snapshot.db",
                "wc -c <snapshot.db",
                "head -c -32 snapshot.db | sha256sum",
                "tail -c 32 snapshot.db | od -An -v -t x1 | tr -d ' \\n'; echo",
            ]
        )
    )
    yield f"Go on when the size is {size}, and both hashes are `{sha256}`. Otherwise use another backup."


def _bundles(plan: RestorePlan, commands: tuple[NodeCommand, ...], bucket: str) -> Iterator[str]:
    yield "Each node's certificates, keys and manifests, in the bucket of the secrets:"
    lines = [_bucket(bucket, "SECRETS")]
    for command in commands:
        name, packed = f"bundle-{command.node}.tar", f"bundle-{command.node}.packed"
        unpack = "gzip -dc" if command.values.get("compression") == "gzip" else "zstd -dc"
        lines += [
            f'aws s3 cp "s3://$SECRETS/"{shlex.quote(plan.bundle_keys[command.node])} {packed}',
            f"echo '{command.values['bundle_sha256']}  {packed}' | sha256sum -c",
            f"{unpack} {packed} >{name}",
        ]
    yield code("\n".join(lines))
    yield "Go on when every line says `OK`."


def _bring(plan: RestorePlan, snapshots: list[str], bundles: list[str]) -> Iterator[str]:
    yield (
        f"Bring them to the nodes, into `{HAND}`: by `scp`, as here, or by any other way. Where names do not lead to "
        "the nodes, put addresses in their place."
    )
    nodes = tuple(dict.fromkeys(command.node for step in plan.steps for command in step.commands))
    lines = []
    for node in nodes:
        lines.append(f"ssh root@{node} 'umask 077; mkdir -p {HAND}'")
        lines.append(f"scp -p functions.sh root@{node}:{HAND}/")
        if node in snapshots:
            lines.append(f"scp -p snapshot.db root@{node}:{HAND}/")
        if node in bundles:
            lines.append(f"scp -p bundle-{node}.tar root@{node}:{HAND}/bundle.tar")
    yield code("\n".join(lines))
