"""`holdfast backup`: start one, look at what there is, verify it, fetch it."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import backup_catalog, backup_holding
from holdfast.cli.cluster import ClusterArgument
from holdfast.cli.context import Session, session_of
from holdfast.cli.options import NOTE
from holdfast.cli.render import console, facts, human_bytes, human_seconds, result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.engine.signing import SignedManifest
    from holdfast.models.backup import Manifest, VerificationReport

app = typer.Typer(help="Take, list, verify and download backups.", no_args_is_help=True)

BackupArgument = Annotated[
    str, typer.Argument(metavar="BACKUP", help='A backup\'s id, or "latest": the newest verified one.')
]


@app.command("run", epilog=NOTE)
def run_backup(
    context: typer.Context,
    cluster: ClusterArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Show the phases until the run has ended.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Take it while operators progress. Such a backup is never verified.")
    ] = False,
) -> None:
    """Start a backup now. With --wait the exit code is the run's: 1 failed, 3 refused."""
    from holdfast.cli.run_commands import watch_to_the_end
    from holdfast.engine.starting import start_manual

    session = session_of(context)
    started = start_manual(session.services, cluster, secrets.token_hex(8), force=force)
    if wait:
        watch_to_the_end(session, cluster, started.run_id, just_started=True)
        return
    result(
        {"started": started},
        lambda: [f"run {started.run_id} has started; holdfast run watch {started.run_id} follows it"],
        as_json=session.as_json,
    )


app.command("list", epilog=NOTE)(backup_catalog.list_of_backups)
app.command("index", epilog=NOTE)(backup_catalog.index_backups)
app.command("hold", epilog=NOTE)(backup_holding.hold_backup)
app.command("unhold", epilog=NOTE)(backup_holding.unhold_backup)


@app.command(epilog=NOTE)
def show(context: typer.Context, cluster: ClusterArgument, backup: BackupArgument) -> None:
    """Show a backup: where it came from, what is in it, what its verification found, what keeps it."""
    from holdfast.cli.backup_details import details, load_details

    session = session_of(context)
    found = load_details(session.services, cluster, chosen(session, cluster, backup))
    result(
        {
            "manifest": found.manifest,
            "signature": found.signature,
            "copy": found.copy,
            "verification": found.verification,
            "damage": found.damage,
            "hold": found.hold,
            "locks": backup_holding.as_values(found.protected),
        },
        lambda: details(found),
        as_json=session.as_json,
    )


def chosen(session: Session, cluster: str, backup: str) -> str:
    """`latest` is never one that nobody verified, nor one of which the catalogue alone tells."""
    from holdfast.engine.catalog import backups_with_anything, newest_verified
    from holdfast.errors import PermanentError

    if backup != "latest":
        return backup
    newest = newest_verified(session.services.reader, cluster)
    if newest is None:
        there = backups_with_anything(session.services.reader, cluster)
        if not there:
            session.services.clusters.get(cluster)
        raise PermanentError(
            "no_verified_backup",
            f"cluster {cluster} has no verified backup ({len(there)} of which there is anything)",
            hint=f"holdfast backup list {cluster}; holdfast backup run {cluster} --wait",
        )
    return newest


@app.command(epilog=NOTE)
def verify(
    context: typer.Context,
    cluster: ClusterArgument,
    backup: BackupArgument,
    work_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the unpacked database fits for a moment.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Put the result beside the backup, or only look.")
    ] = True,
) -> None:
    """Read a backup back whole and check all of it, here and now. Exit code 1 when it is damaged."""
    import tempfile

    from holdfast.cli.backup_details import SIGNATURES
    from holdfast.cli.live import byte_bar
    from holdfast.engine.catalog import load_manifest
    from holdfast.engine.verification import verify_and_record, verify_backup

    session = session_of(context)
    backup = chosen(session, cluster, backup)
    manifest, _ = load_manifest(session.services.reader, cluster, backup)
    with byte_bar(console(stderr=True), "reading back", manifest.snapshot.size) as progress:
        services, folder = session.services, work_dir or Path(tempfile.gettempdir())
        if record:
            report = verify_and_record(services, cluster, backup, work_dir=folder, progress=progress)
        else:
            report = verify_backup(
                services.reader,
                cluster,
                backup,
                signing=services.signing,
                work_dir=folder,
                clock=services.clock,
                progress=progress,
            )
    result(
        {"verification": report},
        lambda: [_sound(manifest, report), f"signature {SIGNATURES[report.signature]}"],
        as_json=session.as_json,
    )


def _sound(manifest: "Manifest", report: "VerificationReport") -> str:
    found = report.database
    return (
        f"sound: {manifest.backup_id}, {human_bytes(manifest.snapshot.raw_size)} read and checked"
        f" in {human_seconds(report.seconds)}: revision {found.head.revision}, {found.live_keys} keys"
    )


@app.command("download", epilog=NOTE)
def download_backup(
    context: typer.Context,
    cluster: ClusterArgument,
    backup: BackupArgument,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where snapshot.db and manifest.json go.")],
) -> None:
    """Fetch a backup, unpacked and checked, ready for `etcdutl snapshot restore`."""
    from holdfast.cli.live import byte_bar
    from holdfast.engine.catalog import load_manifest
    from holdfast.engine.download import download

    session = session_of(context)
    backup = chosen(session, cluster, backup)
    manifest, _ = load_manifest(session.services.reader, cluster, backup)
    with byte_bar(console(stderr=True), "downloading", manifest.snapshot.size) as progress:
        path, signed = download(session.services, cluster, backup, directory, progress)
    result(
        {"path": str(path), "manifest": signed.manifest, "signature": signed.signature},
        lambda: [facts(_fetched(path, signed))],
        as_json=session.as_json,
    )


def _fetched(path: Path, signed: "SignedManifest") -> "Iterator[tuple[str, str]]":
    from holdfast.cli.backup_details import SIGNATURES

    manifest = signed.manifest
    yield "file", f"{path} ({human_bytes(manifest.snapshot.raw_size)}, mode 0600: it holds every Secret)"
    yield "sha256", manifest.snapshot.sha256
    yield "signature", SIGNATURES[signed.signature]
    yield "look", f"holdfast snapshot inspect {path}"
    for bundle in manifest.bundles:
        yield "not fetched", f"{bundle.key} in the secrets bucket: the files of {bundle.node}, keys among them"


@app.command("signing-key", epilog=NOTE)
def signing_key(context: typer.Context) -> None:
    """Print the public half of the key that signs manifests. Keep it where the bucket's writers cannot change it."""
    from holdfast.engine.signing import public_half

    session = session_of(context)
    key = public_half(session.services.signing)
    result({"signing_key": key}, lambda: [key.public_key.rstrip("\n")], as_json=session.as_json)
