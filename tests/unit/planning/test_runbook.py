"""A plan as a page for a person: whole, literal, and each block of it something that a shell takes."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from builders.restore_shapes import NOW, Shape, backup, one_down, replacement, request, seen, spec
from holdfast.etcd.format.trailer import TRAILER_BYTES
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.models.restore import RestoreMode, RestorePlan
from holdfast.planning.backup_runbook import runbook_of_backup
from holdfast.planning.replace_plan import plan_replacement
from holdfast.planning.restore_plan import plan_restore
from holdfast.planning.runbook import Buckets, runbook

BUCKETS = Buckets(snapshots="our-snapshots", secrets="our-secrets")


def planned(shape: Shape, mode: RestoreMode) -> RestorePlan:
    return plan_restore(
        spec(shape),
        seen(shape),
        backup(shape),
        request(mode),
        run_id="run-1",
        token="holdfast-t",
        emergency=None,
        findings=(),
        now=NOW,
    )


def replaced() -> RestorePlan:
    shape = Shape()
    return plan_replacement(
        spec(shape), one_down(shape), "n3", replacement(), run_id="run-1", emergency=None, findings=(), now=NOW
    )


def beside_a_backup() -> str:
    page = runbook_of_backup(spec(Shape()), backup(Shape()), NOW, BUCKETS)
    assert page is not None
    return page


PAGES = {
    "etcd": runbook(planned(Shape(), "etcd"), BUCKETS),
    "full": runbook(planned(Shape(), "full"), BUCKETS),
    "one-first": runbook(planned(Shape(), "one-first"), BUCKETS),
    "one node": runbook(planned(Shape(members=1), "etcd")),
    "external": runbook(planned(Shape(external=True, workers=1), "etcd"), BUCKETS),
    "replacement": runbook(replaced(), BUCKETS),
    "beside a backup": beside_a_backup(),
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


@every_page
def test_a_block_can_be_pasted(page: str) -> None:
    """No tab, which completes words; one compound command, so that nothing reads what is pasted behind it."""
    for block in blocks(page):
        assert "\t" not in block
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        is_setting = len(lines) == 1 and re.fullmatch(r"[A-Z]+=\S+", lines[0])
        assert is_setting or (lines[0], lines[-1]) in (("(", ")"), ("{", "}")) or block.startswith("# functions: begin")


@every_page
def test_every_block_of_a_step_gets_the_functions_and_nothing_of_holdfast(page: str) -> None:
    for block in blocks(page):
        if block.startswith("# on "):
            assert ". /root/holdfast/functions.sh\n" in block
        assert not re.search(r"^\s*(holdfast|python3?) ", block, re.MULTILINE)


@every_page
def test_no_step_of_the_plan_is_left_out_and_the_point_of_no_return_is_marked_once(page: str) -> None:
    numbers = [int(number) for number in re.findall(r"^### (\d+)\. ", page, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert page.count("**Point of no return.**") == 1
    marked = page.index("**Point of no return.**")
    following = re.search(r"^### \d+\. (\S+)", page[marked:], re.MULTILINE)
    assert following is not None
    assert following[1] in ("swap", "remove-member")
    assert "## Going back" in page
    assert "## After step " in page


@pytest.mark.parametrize("mode", ["etcd", "full", "one-first"])
def test_undos_come_in_reverse_order(mode: RestoreMode) -> None:
    plan = planned(Shape(), mode)
    taken = re.findall(r"^### Take back (\S+)", PAGES[mode], re.MULTILINE)
    assert taken == [step.name for step in reversed(plan.steps) if step.undo]


def test_what_to_see_before_going_on_is_literal() -> None:
    shape = Shape()
    plain = replace(
        seen(shape),
        facts={node: told.model_copy(update={"tool_bumps": False}) for node, told in seen(shape).facts.items()},
    )
    page = runbook(
        plan_restore(
            spec(shape),
            plain,
            backup(shape),
            request(),
            run_id="run-1",
            token="t",
            emergency=None,
            findings=(),
            now=NOW,
        )
    )
    assert "`hash` must be the same on every node (where `at` is 0: `alike` the number of nodes), and 4242" in page
    assert "`bumped` must be 0 on each" in page
    assert "| pods | 7 |" in page
    assert f"both hashes are `{'2' * 64}`" in page


def test_the_page_names_the_bucket_or_asks_for_it() -> None:
    assert "SNAPSHOTS=our-snapshots" in PAGES["etcd"]
    assert (
        "Put the name of the snapshots bucket in place of BUCKET:\n\n```sh\nSNAPSHOTS=BUCKET\n```" in PAGES["one node"]
    )
    assert "SECRETS=our-secrets" in PAGES["full"]
    assert "SECRETS" not in PAGES["etcd"]


def test_beside_a_backup_there_is_a_way_for_nodes_that_lost_their_files() -> None:
    page = PAGES["beside a backup"]
    assert "## Nodes that lost their files" in page
    assert "### swap-files" in page
    bare = backup(Shape(), bundles=[])
    assert "## Nodes that lost" not in (runbook_of_backup(spec(Shape()), bare, NOW) or "")


def test_a_replacement_is_told_how_many_have_to_be_alike_and_has_no_second_time() -> None:
    assert "`alike` must be 3 on every node" in PAGES["replacement"]
    assert "second time" not in PAGES["replacement"].lower()


def test_a_backup_that_knows_no_nodes_has_no_page() -> None:
    assert runbook_of_backup(spec(Shape()), backup(Shape(), with_plan=False), NOW) is None


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A real one: what the tests' captured database is, with its hash behind it."""
    packed = Path(__file__).resolve().parents[2] / "data" / "kubeadm-a.db.zst"
    path = tmp_path / "hand" / "snapshot.db"
    path.parent.mkdir()
    with path.open("wb") as file:
        subprocess.run(["zstd", "-dc", str(packed)], stdout=file, check=True, timeout=60)
    return path


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_part_up_to_the_swap_works_when_it_is_followed_and_can_be_gone_back_from(
    snapshot: Path, tmp_path: Path, shell: str
) -> None:
    """With a real tool of etcd, on a host whose etcd is stopped."""
    raw = snapshot.read_bytes()
    chosen = backup(Shape(members=1, external=True))
    sent = chosen.manifest.snapshot.model_copy(update={"sha256": raw[-TRAILER_BYTES:].hex(), "raw_size": len(raw)})
    chosen = replace(chosen, manifest=chosen.manifest.model_copy(update={"snapshot": sent}))
    shape = Shape(members=1, external=True)
    before = seen(shape)
    told = {node: each.model_copy(update={"tool_bumps": False}) for node, each in before.facts.items()}
    plan = plan_restore(
        spec(shape),
        replace(before, facts=told),
        chosen,
        request(),
        run_id="run-1",
        token="t",
        emergency=None,
        findings=(),
        now=NOW,
    )
    data = tmp_path / "etcd"
    (data / "member" / "wal").mkdir(parents=True)
    (data / "member" / "old").write_text("old")
    page = runbook(plan, BUCKETS)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "etcdutl").symlink_to(etcd_binary("etcdutl"))
    (tmp_path / "runbook.md").write_text(page)
    prepare = next(block for block in blocks(page) if "functions.sh" in block)
    home = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run([shell, "-c", prepare], cwd=tmp_path, env=home, check=True, timeout=20)
    shutil.copy(tmp_path / "holdfast-restore" / "functions.sh", snapshot.parent)

    def follow(heading: str) -> str:
        part = page[page.index(heading) :]
        (first, *_) = blocks(part)
        text = first.replace("/root/holdfast", str(snapshot.parent)).replace("/var/lib/etcd", str(data))
        ended = subprocess.run(
            [str(shutil.which(shell)), "-c", text],
            env={"PATH": f"{tools}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
        return ended.stdout

    keep = tmp_path / "etcd.holdfast-run-1"
    for _ in range(2):
        assert f'"bytes":{len(raw)}' in follow("### 3. fetch")
        assert '"tool":"etcdutl 3.5.1"' in follow("### 4. rebuild")
    follow("### Take back rebuild")
    follow("### Take back fetch")
    assert not keep.exists()
    follow("### 3. fetch")
    follow("### 4. rebuild")
    for _ in range(2):
        assert str(keep / "old" / "member") in follow("### 5. swap")
    assert (data / "member" / "snap" / "db").is_file()
    assert (keep / "old" / "member" / "old").read_text() == "old"
    follow("Then give what an earlier time kept")
    assert not (keep / "old").exists()
    (kept,) = keep.glob("old.until-*")
    kept.rename(keep / "old")
    # A terminal that is lost between the two moves.
    (keep / "restored").mkdir()
    (data / "member").rename(keep / "restored" / "member")
    for _ in range(2):
        follow("2. Exchange the data")
    assert (data / "member" / "old").read_text() == "old"
    assert (keep / "restored" / "member" / "snap" / "db").is_file()
