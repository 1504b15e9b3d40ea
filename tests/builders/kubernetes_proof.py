"""What is proven of any cluster, a double's or a real one: functions for tests to call with what they have."""

import hashlib
from collections.abc import Callable

from pydantic import SecretStr

from builders.waiting import wait_for
from holdfast.errors import HoldfastError
from holdfast.etcd.base import EtcdCluster
from holdfast.models.command import Command, CommandResult
from holdfast.transports.base import Running
from holdfast.transports.kubernetes.client import KubernetesApi
from holdfast.transports.kubernetes.node_pod import LABEL, pod_name
from holdfast.transports.kubernetes.transport import KubernetesNodes

NAMESPACE = "kube-system"
HUSH = "a value that nobody may see"


def every_member_gives_a_whole_snapshot(cluster: EtcdCluster) -> None:
    facts = cluster.facts()
    assert facts.failures == ()
    for status in facts.statuses:
        data = bytearray()
        with cluster.snapshot(status.endpoint) as blobs:
            for blob in blobs:
                data += blob
        assert len(data) % 512 == 32, status.endpoint
        assert hashlib.sha256(data[:-32]).digest() == data[-32:], status.endpoint


def ended(nodes: KubernetesNodes, node: str, key: str, command: Command) -> CommandResult:
    """As Step Functions does it: look, wait, look again."""
    handle = ""

    def look() -> CommandResult | None:
        nonlocal handle
        found = nodes.run(node, key, command, handle)
        if isinstance(found, Running):
            handle = found.handle
            return None
        return found

    return wait_for(look, f"the end of {key} on {node}")


def runs(nodes: KubernetesNodes, node: str, key: str, command: Command) -> None:
    """Until its process runs."""
    wait_for(lambda: _is_up(nodes, node, key, command), f"the start of {key} on {node}")


def _is_up(nodes: KubernetesNodes, node: str, key: str, command: Command) -> bool:
    found = nodes.run(node, key, command)
    assert isinstance(found, Running), found
    return found.total > 0


def a_step_runs_as_root_and_its_pod_goes(nodes: KubernetesNodes, api: KubernetesApi, node: str, key: str) -> None:
    script = '. ./secrets && rm -f ./secrets\nid -u; echo "$value"; echo ${#hush}; echo oh >&2; exit 3'
    command = Command(script, values={"value": "it's $HOME"}, secrets={"hush": SecretStr(HUSH)})

    result = ended(nodes, node, key, command)

    assert (result.exit_code, result.stdout, result.stderr) == (3, f"0\nit's $HOME\n{len(HUSH)}\n", "oh")
    pod_is_gone(api, node, key)


def a_cancelled_step_leaves_neither_process_nor_pod(
    nodes: KubernetesNodes, api: KubernetesApi, node: str, key: str
) -> None:
    command = Command("touch /tmp/$mark; echo 1 2 >progress; while sleep 1; do touch /tmp/$mark; done", {"mark": key})
    runs(nodes, node, key, command)

    nodes.cancel(node, key)

    pod_is_gone(api, node, key)
    with nodes.stream(node, ("sh", "-c", f"rm -f /tmp/{key}; sleep 2; ls /tmp /var/lib/holdfast/steps")) as blobs:
        assert key.encode() not in b"".join(blobs)


def a_step_whose_pod_died_is_lost(nodes: KubernetesNodes, api: KubernetesApi, node: str, key: str) -> None:
    command = Command("echo 1 2 >progress; sleep 600")
    runs(nodes, node, key, command)
    api.delete_pod(NAMESPACE, pod_name(node, key))

    assert error_of(lambda: ended(nodes, node, key, command)).code == "node_step_lost"
    pod_is_gone(api, node, key)


def files_come_back_byte_for_byte(nodes: KubernetesNodes, node: str, key: str) -> None:
    data = bytes(range(256)) * 2000
    nodes.upload_file(node, f"/tmp/{key}", data, mode=0o640)
    assert nodes.fetch_file(node, f"/tmp/{key}") == data
    nodes.upload_file(node, f"/tmp/{key}", b"")
    assert nodes.fetch_file(node, f"/tmp/{key}") == b""
    with nodes.stream(node, ("rm", f"/tmp/{key}")) as blobs:
        assert b"".join(blobs) == b""
    assert error_of(lambda: nodes.fetch_file(node, f"/tmp/{key}")).code == "node_file_missing"
    assert error_of(lambda: nodes.fetch_file(node, "/etc/passwd", limit=3)).code == "node_file_too_large"


def a_stream_tells_how_its_program_ended(nodes: KubernetesNodes, node: str) -> None:
    seen = bytearray()

    def read() -> None:
        with nodes.stream(node, ("sh", "-c", "head -c 3000000 /dev/zero; echo oh >&2; exit 4")) as blobs:
            for blob in blobs:
                seen.extend(blob)

    error = error_of(read)
    assert seen == bytes(3_000_000)
    assert error.code == "node_command_failed"
    assert error.message.endswith("exit code 4: oh"), error.message


def pods_of_ours(api: KubernetesApi) -> list[str]:
    return [pod["metadata"]["name"] for pod in api.pods(NAMESPACE, labels=LABEL)]


def pod_is_gone(api: KubernetesApi, node: str, key: str) -> None:
    wait_for(lambda: api.pod(NAMESPACE, pod_name(node, key)) is None, f"the end of the pod of {key}", 30)


def error_of(work: Callable[[], object]) -> HoldfastError:
    try:
        work()
    except HoldfastError as error:
        return error
    raise AssertionError("no error")
