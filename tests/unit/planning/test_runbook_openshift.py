"""Pages for OpenShift: of a restore, of a quorum restore, and beside a backup."""

import re
import subprocess
from pathlib import Path

import pytest

from builders import openshift_shapes as shapes
from builders.openshift_shapes import FIRST, NEWEST, SINGLE, Era
from builders.restore_shapes import BACKUP, NOW, RUN
from holdfast.models.restore import ChangeRequest, RestorePlan
from holdfast.planning.backup_runbook import runbook_of_backup
from holdfast.planning.planners import planner_of
from holdfast.planning.runbook import Buckets, runbook

BUCKETS = Buckets(snapshots="our-snapshots", secrets="our-secrets")


def planned(era: Era, request: ChangeRequest | None = None) -> RestorePlan:
    asked = request or shapes.request()
    return planner_of("openshift").plan(
        shapes.spec(era),
        shapes.seen(era, 1),
        None if asked.quorum else shapes.backup(era),
        asked,
        run_id=RUN,
        emergency=None,
        findings=(),
        now=NOW,
    )


def beside_a_backup(era: Era) -> str:
    page = runbook_of_backup(shapes.spec(era), shapes.backup(era), NOW, BUCKETS)
    assert page is not None
    return page


PAGES = {
    "4.4": runbook(planned(FIRST), BUCKETS),
    "4.18": runbook(planned(NEWEST), BUCKETS),
    "single": runbook(planned(SINGLE), BUCKETS),
    "quorum": runbook(planned(NEWEST, shapes.quorum()), BUCKETS),
    "beside a backup": beside_a_backup(NEWEST),
}
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())


def blocks(page: str) -> list[str]:
    assert page.count("```") % 2 == 0
    return re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@every_page
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_shells_take_every_block(page: str, shell: str, tmp_path: Path) -> None:
    argv = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    found = blocks(page)
    assert len(found) > 10
    for number, block in enumerate(found):
        path = tmp_path / str(number)
        path.write_text(block)
        ended = subprocess.run([*argv, str(path)], capture_output=True, text=True, timeout=20, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), block
        assert "\t" not in block


@every_page
def test_the_point_of_no_return_is_the_vendors_script_and_what_comes_before_is_taken_back(page: str) -> None:
    marked = page.index("**Point of no return.**")
    following = re.search(r"^### \d+\. (\S+)", page[marked:], re.MULTILINE)
    assert following is not None
    assert following[1] in ("cluster-restore", "quorum-restore")
    assert f"## After step {following[1]}" in page
    assert "## Going back" in page
    assert "Open an SSH session to every host before you begin" in page
    assert "/var/lib/holdfast-old" in page
    assert ".holdfast-*" not in page


@every_page
def test_a_person_is_told_which_functions_the_blocks_need(page: str) -> None:
    functions = next(block for block in blocks(page) if block.startswith("# functions: begin"))
    for name in ("run_vendor()", "need_one_pair()", "guard_is()", "ask_oc()"):
        assert name in functions


def test_the_pair_is_fetched_from_both_buckets_and_goes_under_the_vendors_names() -> None:
    page = PAGES["4.18"]
    assert "SNAPSHOTS=our-snapshots" in page
    assert f'"s3://$SECRETS/"prod-1/{BACKUP}/m1/bundle.tar' in page
    assert "bundle=static_kuberesources_2026-11-20_154300.tar.gz" in page
    assert "scp -p bundle-m1.tar root@m1:/root/holdfast/bundle.tar" in page


def test_followed_a_second_time_nothing_of_the_first_is_taken_for_done() -> None:
    """A note on the host says that the vendor's script has ended."""
    for name in ("4.4", "4.18", "beside a backup"):
        again = PAGES[name].partition("## A second time")[2]
        assert 'move "$keep" "$keep.until-' in again
        assert "each of m1, m2, m3" in again
    assert "A second time" not in PAGES["quorum"]


def test_a_backup_without_its_archive_has_no_page() -> None:
    from holdfast.errors import RefusedError

    with pytest.raises(RefusedError):
        runbook_of_backup(shapes.spec(NEWEST), shapes.backup(NEWEST, bundles=()), NOW)
