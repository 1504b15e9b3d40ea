"""What goes wrong while node/snapshot.sh works: it names the reason, and nothing of its work stays behind."""

import json
import os
import signal
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from builders.fault_proxy import HttpFault, fault_proxy
from builders.node_snapshot import CRICTL, SnapshotNode, WaitingUpload
from builders.real_etcd import RealEtcd, two_free_ports
from builders.s3_server import client_of
from builders.shell import Ended, Shell
from builders.waiting import wait_for
from holdfast.local.etcd_binaries import etcd_binary
from holdfast.local.pki import issue_ca

ETCDCTL = etcd_binary("etcdctl")
EVERY_TIME = 99


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path, etcd: RealEtcd) -> SnapshotNode:
    return SnapshotNode(tmp_path, etcd, request.param)


@pytest.fixture
def dash(tmp_path: Path, etcd: RealEtcd) -> SnapshotNode:
    """For what does not depend on the shell."""
    shell: Shell = "dash"
    return SnapshotNode(tmp_path, etcd, shell)


@pytest.fixture
def upload(client: Any, bucket: str) -> WaitingUpload:
    return WaitingUpload(client, bucket)


def wrapped(before: str = "", after: str = "") -> dict[str, str]:
    """crictl in whose container etcdctl does something else around `snapshot save FILE`, or instead of it."""
    script = f"""exec_etcdctl() {{
for last in "$@"; do :; done
case "$*" in *" snapshot save "*) {before or f'{ETCDCTL} "$@"'}
{after} ;; *) {ETCDCTL} "$@" ;; esac
}}
"""
    return {"crictl": script + CRICTL.replace("exec {etcdctl}", "exec_etcdctl")}


def clean(node: SnapshotNode, ended: Ended) -> bool:
    step = {path.name for path in (node.folder / "step.1").iterdir()}
    assert step <= {"script", "leftovers", "progress"}, (step, ended)
    assert list(node.data.iterdir()) == []
    return True


def through(url: str, upload: WaitingUpload) -> WaitingUpload:
    """The same upload with URLs that lead to a proxy."""
    return WaitingUpload(client_of(url), upload.bucket)


SAVING = [
    ("a command that fails", {"before": "echo 'Error: context deadline exceeded' >&2; exit 1"}, "node_snapshot_failed"),
    ("a command that writes nothing", {"before": "exit 0"}, "node_snapshot_empty"),
    ("an empty file", {"before": ': >"$last"'}, "node_snapshot_empty"),
    (
        "a file that is cut",
        {"after": 'dd if=/dev/null of="$last" bs=1 seek=8000000 2>/dev/null'},
        "node_snapshot_damaged",
    ),
    (
        "a cut that keeps the length's form",
        {"after": 'dd if=/dev/null of="$last" bs=1 seek=8192032 2>/dev/null'},
        "node_snapshot_damaged",
    ),
    (
        "one byte that flipped",
        {"after": 'printf X | dd of="$last" bs=1 seek=5000000 conv=notrunc 2>/dev/null'},
        "node_snapshot_damaged",
    ),
    (
        "a disk that is full",
        {"before": 'echo part >"$last.part"; echo "Error: write x: no space left on device" >&2; exit 1'},
        "node_disk_full",
    ),
]


@pytest.mark.parametrize(("how", "script", "code"), SAVING, ids=[case[0] for case in SAVING])
def test_a_snapshot_that_is_not_whole_is_refused_and_removed(
    dash: SnapshotNode, upload: WaitingUpload, how: str, script: dict[str, str], code: str
) -> None:
    ended = dash.program(upload, stubs=wrapped(**script)).run()
    assert ended.code == code, ended
    assert clean(dash, ended)


def test_the_last_words_of_a_tool_are_told_in_json_whatever_they_are(node: SnapshotNode, upload: WaitingUpload) -> None:
    script = (
        r"""printf 'more of it\nError: "quoted" back\\slash \001 caf\303\251\nFATA[0001] exit code 1\n' >&2; exit 3"""
    )
    ended = node.program(upload, stubs=wrapped(before=script)).run()
    assert ended.code == "node_snapshot_failed"
    assert ended.report["message"] == 'etcdctl snapshot save ended with 3: Error: "quoted" back\\slash   caf  '
    assert "more of it" in ended.stderr


def test_no_etcd_container_is_told(dash: SnapshotNode, upload: WaitingUpload) -> None:
    ended = dash.program(upload, etcd_name="etcd-other", stubs={"crictl": "exit 0"}).run()
    assert ended.code == "node_etcd_not_running"


NAMESPACE = "label=io.kubernetes.pod.namespace=kube-system"
DOCKER = f"""case "$1 $2" in
"ps -q") case "$4 ${{6:-}}" in "label=io.kubernetes.container.name=etcd {NAMESPACE}") echo 77 ;; esac ;;
"exec 77") shift 3 && exec {ETCDCTL} "$@" ;;
esac"""
LABELS = 'labels."io.kubernetes.container.name"==etcd,labels."io.kubernetes.pod.namespace"==kube-system'
# containerd's own client; one container of the name has ended.
CTR = f"""shift 2
case "$1 $2" in
"tasks list") printf 'TASK PID STATUS\\n66 0 STOPPED\\n77 9 RUNNING\\n88 9 RUNNING\\n' ;;
"containers list") [ "$4" = '{LABELS}' ] && printf '66\\n77\\n' ;;
"tasks exec") [ "$5" = 77 ] && [ ! -e "${{0%/*}}/$4" ] && : >"${{0%/*}}/$4" && shift 6 && exec {ETCDCTL} "$@" ;;
esac"""


@pytest.mark.parametrize(
    "stubs",
    [
        {"crictl": "exit 1", "docker": DOCKER},
        {"crictl": "exit 1", "ctr": CTR},
        {"crictl": "[ $1 = ps ] && echo 77 || exit 1", "ctr": CTR},
    ],
    ids=["docker", "ctr", "a crictl that cannot exec"],
)
def test_another_client_of_the_runtime_does_as_well(
    node: SnapshotNode, upload: WaitingUpload, stubs: dict[str, str]
) -> None:
    member = node.etcd.etcdctl("endpoint", "status")[0]["Status"]["header"]["member_id"]
    ended = node.program(upload, stubs=stubs, member_id=str(member)).run()
    assert ended.exit_code == 0, ended


def test_a_container_in_which_nothing_can_be_run_is_told(dash: SnapshotNode, upload: WaitingUpload) -> None:
    crictl = """[ "$1" = ps ] && echo 77 || { echo 'exec: "etcdctl": not found in $PATH' >&2; exit 1; }"""
    ended = dash.program(upload, stubs={"crictl": crictl}).run()
    assert ended.code == "node_tool_failed"
    assert 'crictl: exec: "etcdctl": not found in $PATH' in ended.report["message"]


def test_a_member_that_moved_is_not_backed_up(node: SnapshotNode, upload: WaitingUpload) -> None:
    member = node.etcd.etcdctl("endpoint", "status")[0]["Status"]["header"]["member_id"]
    ended = node.program(upload, member_id="18446744073709551615").run()
    assert ended.code == "etcd_member_moved"
    assert ended.report["message"].endswith(f"is member {member:x}, the plan chose ffffffffffffffff")


def test_a_disk_that_is_short_is_told_before_etcd_is_asked(node: SnapshotNode, upload: WaitingUpload) -> None:
    ended = node.program(upload, expected_bytes=str(1 << 60), stubs={"crictl": "exit 9"}).run()
    assert ended.code == "node_disk_short"
    assert clean(node, ended)


def test_the_disk_of_etcd_is_looked_at_too_when_it_is_another_one(dash: SnapshotNode, upload: WaitingUpload) -> None:
    df = f"""case "$2" in
{dash.data}) printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n/dev/b 1 1 100 1%% /b\\n' ;;
*) printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n/dev/a 1 1 99999999 1%% /a\\n' ;;
esac"""
    ended = dash.program(upload, stubs={"df": df}).run()
    assert ended.code == "node_disk_short"
    assert str(dash.data) in ended.report["message"]


@pytest.mark.parametrize("tool", ["zstd", "tail", "mv"])
def test_a_disk_that_fills_in_the_middle_is_told(dash: SnapshotNode, upload: WaitingUpload, tool: str) -> None:
    """From the third call on, where the tool is called often."""
    real = f'exec $(PATH=/usr/bin:/bin command -v {tool}) "$@"'
    stub = f"""case {tool}:"$*" in mv:*snapshot.db) ;; *)
echo x >>"${{0%/*}}/calls"
[ "$(wc -l <"${{0%/*}}/calls")" -ge 3 ] && [ {tool} != mv ] || {real} ;; esac
echo "{tool}: write: No space left on device" >&2
exit 1"""
    ended = dash.program(upload, stubs={tool: stub}).run()
    assert ended.code == "node_disk_full", ended
    assert clean(dash, ended)


def test_a_limit_on_files_is_a_full_disk(node: SnapshotNode, upload: WaitingUpload) -> None:
    ended = node.program(upload).run("/bin/sh", "-c", 'ulimit -f 4000; exec "$@"', "limited")
    assert ended.code == "node_disk_full", ended
    assert clean(node, ended)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (HttpFault("PUT", "partNumber=2", "answer", EVERY_TIME, 403, "AccessDenied"), "upload_denied"),
        (HttpFault("PUT", "partNumber=1", "answer", EVERY_TIME, 400, "ExpiredToken"), "upload_url_expired"),
        (HttpFault("PUT", "partNumber=1", "answer", EVERY_TIME, 404, "NoSuchUpload"), "upload_gone"),
        (HttpFault("PUT", "partNumber=1", "answer", EVERY_TIME, 400, "BadDigest"), "upload_part_rejected"),
        (HttpFault("PUT", "partNumber=2", "answer", EVERY_TIME, 503, "SlowDown"), "upload_unreachable"),
        (HttpFault("PUT", "partNumber=1", "answer", EVERY_TIME, 400, "EntityTooSmall"), "upload_refused"),
        (HttpFault("PUT", "partNumber=1", "reset", EVERY_TIME), "upload_unreachable"),
        (HttpFault("GET", "upload.txt", "answer", EVERY_TIME, 403, "AccessDenied"), "upload_denied"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.act,
)
def test_a_store_that_says_no_is_told_by_its_reason(
    dash: SnapshotNode, upload: WaitingUpload, s3_url: str, fault: HttpFault, code: str
) -> None:
    with fault_proxy(s3_url, [fault]) as proxy:
        ended = dash.program(through(proxy.url, upload)).run()
    assert ended.code == code, ended
    assert proxy.url.removeprefix("http://") in ended.report["message"]
    assert "Signature" not in str(ended)
    assert clean(dash, ended)


def test_what_passes_is_tried_again(node: SnapshotNode, upload: WaitingUpload, s3_url: str) -> None:
    faults = [
        HttpFault("PUT", "partNumber=1", "answer", 2, 503, "SlowDown"),
        HttpFault("PUT", "partNumber=2", "reset", 1),
        HttpFault("PUT", "partNumber=2", "answer", 1, 429, "TooManyRequests"),
        HttpFault("PUT", "partNumber=2", "lose", 1),
        HttpFault("GET", "upload.txt", "cut", 1),
    ]
    with fault_proxy(s3_url, faults) as proxy:
        sent = through(proxy.url, upload)
        ended = node.program(sent).run()
        assert ended.exit_code == 0, ended
        assert [fault.met for fault in faults] == [2, 1, 1, 1, 1]
        assert len(sent.complete()) == ended.report["size"]


def test_a_store_that_nobody_answers_at_is_named_without_its_urls(node: SnapshotNode, upload: WaitingUpload) -> None:
    port, _ = two_free_ports()
    upload.lines = [f"http://127.0.0.1:{port}/b/k?X-Amz-Signature=0123abcd"] * 6
    ended = node.program(upload).run()
    assert ended.code == "upload_unreachable"
    assert f"127.0.0.1:{port}" in ended.report["message"]
    assert "Signature" not in str(ended)
    assert clean(node, ended)


def test_a_url_that_expired_is_told(dash: SnapshotNode, upload: WaitingUpload, s3_url: str) -> None:
    class Expired(HttpFault):
        """S3's own words: the code is that of any refusal."""

    fault = Expired(
        "PUT",
        "partNumber=1",
        "answer",
        EVERY_TIME,
        403,
        "AccessDenied</Code><Message>Request has expired</Message><Code>",
    )
    with fault_proxy(s3_url, [fault]) as proxy:
        assert dash.program(through(proxy.url, upload)).run().code == "upload_url_expired"


def test_a_server_that_nobody_vouches_for_is_not_trusted(
    dash: SnapshotNode, upload: WaitingUpload, s3_url: str
) -> None:
    """curl says 35 when what answers speaks no TLS at all."""
    upload.lines = [line.replace("http://", "https://") for line in upload.lines]
    ended = dash.program(upload).run()
    assert ended.code == "upload_untrusted"


def test_a_certificate_of_an_unknown_authority_is_not_trusted(dash: SnapshotNode, upload: WaitingUpload) -> None:
    """And not asked for again: it stays what it is."""
    identity = issue_ca().issue_client()
    chain = dash.folder / "chain.pem"
    chain.write_text(f"{identity.certificate}\n{identity.key}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        upload.lines = [f"https://127.0.0.1:{server.server_address[1]}/b/k?X-Amz-Signature=1"] * 6
        ended = dash.program(upload).run()
        server.shutdown()
    assert ended.code == "upload_untrusted"
    assert "SSL certificate problem" in ended.report["message"]
    assert "tries" not in ended.report["message"]


def test_more_parts_than_urls_are_not_sent(dash: SnapshotNode, client: Any, bucket: str) -> None:
    ended = dash.program(WaitingUpload(client, bucket, count=1)).run()
    assert ended.code == "upload_too_large"
    assert clean(dash, ended)


@pytest.mark.parametrize("lines", [[], ["ftp://host/x"], ['http://host/x" -o "/etc/passwd']])
def test_a_list_without_urls_is_refused(dash: SnapshotNode, upload: WaitingUpload, lines: list[str]) -> None:
    upload.lines = lines * 6
    assert dash.program(upload).run().code == "upload_plan_invalid"


ELSEWHERE = {
    "another host": "http://127.0.0.1:1/{bucket}/c/b/snapshot.db.zst?X-Amz-Signature=1",
    "another bucket": "{store}/others/c/b/snapshot.db.zst?X-Amz-Signature=1",
    "another cluster": "{store}/{bucket}/d/b/snapshot.db.zst?X-Amz-Signature=1",
    "up and away": "{store}/{bucket}/c/../../others/k?X-Amz-Signature=1",
    "up and away, as curl reads it": "{store}/{bucket}/c/%2e%2E/k?X-Amz-Signature=1",
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_list_that_somebody_wrote_over_has_the_snapshot_sent_nowhere(
    dash: SnapshotNode, bucket: str, s3_url: str, name: str
) -> None:
    with fault_proxy(s3_url) as proxy:
        upload = WaitingUpload(client_of(proxy.url), bucket)
        upload.lines = [ELSEWHERE[name].format(store=proxy.url, bucket=bucket)] * 6
        ended = dash.program(upload, only_below=f"{proxy.url}/{bucket}/c/").run()
        sent = [each for each in proxy.requests if each.startswith("PUT") and "upload.txt" not in each]
    assert ended.code == "upload_plan_invalid"
    assert "Signature" not in json.dumps(ended.report)
    assert sent == []


def test_a_list_of_this_clusters_urls_is_followed(dash: SnapshotNode, upload: WaitingUpload, bucket: str) -> None:
    below = upload.lines[0].partition("/c/b/")[0] + "/c/"
    assert dash.program(upload, only_below=below).run().exit_code == 0
    assert upload.complete()


def test_a_curl_that_refuses_an_option_is_too_old(dash: SnapshotNode, upload: WaitingUpload) -> None:
    stub = 'echo "curl: option --globoff: is unknown" >&2; exit 2'
    assert dash.program(upload, stubs={"curl": stub}).run().code == "node_curl_too_old"


# Options of the curl man page of 7.29 that the programs use; everything younger is refused.
OLD_CURL = """
for argument in "$@"; do
case "$argument" in
-q | -sS | -g | -K | - | -o | -w | '%{{http_code}}' | work/*) ;;
*) echo "curl: option $argument: is unknown" >&2; exit 2 ;;
esac
done
cat >"${{0%/*}}/configuration"
while read -r name _; do
case "$name" in
url | connect-timeout | speed-limit | speed-time | upload-file | header | '') ;;
*) echo "curl: option $name: is unknown" >&2; exit 2 ;;
esac
done <"${{0%/*}}/configuration"
exec {curl} "$@" <"${{0%/*}}/configuration"
"""


def test_a_curl_of_2013_does(dash: SnapshotNode, upload: WaitingUpload) -> None:
    real = subprocess.run(["which", "curl"], capture_output=True, text=True, check=True).stdout.strip()
    stub = OLD_CURL.replace('configuration"', 'configuration.$PPID"').format(curl=real)
    ended = dash.program(upload, stubs={"curl": stub}).run()
    assert ended.exit_code == 0, ended


def test_a_signal_in_the_middle_of_the_upload_leaves_nothing(node: SnapshotNode, upload: WaitingUpload) -> None:
    program = node.program(
        upload, stubs={"curl": 'case "$*" in *plan*) exec /usr/bin/curl "$@" ;; esac; exec sleep 60'}
    )
    with program.start() as process:
        wait_for(lambda: (program.folder / "work/part.1").exists(), "the first part")
        os.killpg(process.pid, signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=20)
    ended = Ended(process.returncode, {}, stdout + stderr)
    assert process.returncode == 143
    assert clean(node, ended)


def test_a_signal_ends_what_runs_in_the_container_and_removes_its_file(
    node: SnapshotNode, upload: WaitingUpload
) -> None:
    """A container's process is no child of ours, and no signal of the session reaches it."""
    script = """
: >"$last.part"
setsid sh -c 'sleep 60; exit' "$last" >/dev/null 2>&1 9>&1 &
echo $! >"${0%/*}/pid"
wait"""
    program = node.program(upload, stubs=wrapped(before=script))
    with program.start() as process:
        noted = node.folder / "bin" / "pid"
        wait_for(lambda: noted.exists() and noted.read_text(), "etcdctl in its container")
        inner = Path("/proc") / noted.read_text().strip()
        wait_for(lambda: b"holdfast-" in (inner / "cmdline").read_bytes(), "its arguments")
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)
    assert clean(node, Ended(process.returncode, {}, ""))
    wait_for(lambda: not inner.exists(), "the end of the process in the container", 10)


def test_what_is_left_when_everything_is_killed_was_noted_first(dash: SnapshotNode, upload: WaitingUpload) -> None:
    program = dash.program(upload, stubs=wrapped(before=': >"$last.part"; sleep 60'))
    with program.start() as process:
        (part,) = wait_for(lambda: list(dash.data.iterdir()), "the file in the container")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
    noted = (program.folder / "leftovers").read_text().splitlines()
    assert noted == [str(part).removesuffix(".part"), str(part)]


def test_a_file_that_somebody_else_saved_is_sent_and_removed(node: SnapshotNode, upload: WaitingUpload) -> None:
    saved = node.etcd.snapshot(node.folder / "saved.db")
    raw = saved.read_bytes()
    ended = node.program(upload, how="file", file=str(saved), stubs={"crictl": "exit 9"}).run()
    assert ended.exit_code == 0, ended
    assert not saved.exists()
    assert (ended.report["sha256"], ended.report["member_id"]) == (raw[-32:].hex(), "")


def test_a_file_that_cannot_be_sent_is_removed_too(dash: SnapshotNode, upload: WaitingUpload) -> None:
    saved = dash.etcd.snapshot(dash.folder / "saved.db")
    assert (
        dash.program(upload, how="file", file=str(saved), expected_bytes=str(1 << 60)).run().code == "node_disk_short"
    )
    assert not saved.exists()


def test_etcdctl_of_the_host_is_called_without_the_variables_that_stand_in_its_way(
    node: SnapshotNode, upload: WaitingUpload
) -> None:
    stub = f'exec {ETCDCTL} "$@"'
    program = node.program(
        upload,
        how="host",
        stubs={"etcdctl": stub},
        environment={"ETCDCTL_ENDPOINTS": "http://127.0.0.1:1", "ETCDCTL_API": "2"},
    )
    ended = program.run()
    assert ended.exit_code == 0, ended
    assert program.left() == set()


def test_the_urls_are_in_no_process_of_the_machine(dash: SnapshotNode, upload: WaitingUpload) -> None:
    """A curl that looks around first: at every process's arguments, and at its own environment."""
    stub = """grep -la X-Amz-Signature /proc/[0-9]*/cmdline /proc/self/environ 2>/dev/null >>"${0%/*}/seen"
echo called >>"${0%/*}/calls"
exec /usr/bin/curl "$@" """
    program = dash.program(upload, stubs={"curl": stub})
    ended = program.run()
    assert ended.exit_code == 0, ended
    assert (dash.folder / "bin" / "seen").read_text() == ""
    assert len((dash.folder / "bin" / "calls").read_text().splitlines()) == 1 + ended.report["parts"]
    assert not (program.folder / "secrets").exists()
