"""How the scripts of a restore see that an API server and a node are well: by what they do, not by what they were."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builders.restore_node import RUN, RestoreNode

Answer = Callable[[str, str], tuple[int, str]]
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
MAPS = "/api/v1/namespaces/kube-system/configmaps"


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> RestoreNode:
    return RestoreNode(tmp_path / "node", request.param)


@contextmanager
def api_server(answer: Answer) -> Iterator[str]:
    """Without TLS: the options of curl for that are tried on a real cluster."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_DELETE = do_GET  # noqa: N815 - http.server calls them so

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def node_object(ready: str) -> str:
    """As a real API server shows it to curl: with line ends."""
    return f"""{{
  "kind": "Node",
  "status": {{ "conditions": [
    {{ "type": "MemoryPressure", "status": "False" }},
    {{
      "type": "Ready",
      "status": "{ready}",
      "lastHeartbeatTime": "2026-11-20T10:00:00Z"
    }} ] }}
}}"""


def cluster(*, ready: str = "True", renews: bool = True) -> Answer:
    asked: list[str] = []

    def answer(method: str, path: str) -> tuple[int, str]:
        asked.append(path)
        if path == LEASE:
            return (
                200,
                f'{{\n  "spec": {{\n    "renewTime": "2026-11-20T10:00:0{len(asked) if renews else 1}Z"\n  }}\n}}',
            )
        return (200, node_object(ready)) if path == "/api/v1/nodes/n1" else (404, "")

    return answer


def test_a_node_is_ready_when_its_lease_was_seen_to_be_renewed(node: RestoreNode) -> None:
    with api_server(cluster()) as url:
        assert node.done("node_ready", api_url=url, limit_s="5") == {"ready": True, "renewed": True}


def test_what_the_database_says_of_a_node_that_is_away_is_not_believed(node: RestoreNode) -> None:
    """The restored node object is Ready, and its lease is as old."""
    with api_server(cluster(renews=False)) as url:
        ended = node.run("node_ready", api_url=url)
    assert ended.code == "node_not_ready"
    assert "2026-11-20T10:00:01Z" in ended.report["message"]


@pytest.mark.parametrize("ready", ["False", "Unknown"])
def test_a_node_that_renews_and_is_not_ready_is_told(node: RestoreNode, ready: str) -> None:
    with api_server(cluster(ready=ready)) as url:
        assert node.run("node_ready", api_url=url).code == "node_not_ready"


def test_a_node_that_the_database_does_not_know_is_told(node: RestoreNode) -> None:
    with api_server(lambda *_: (404, "{}")) as url:
        ended = node.run("node_ready", api_url=url)
    assert ended.code == "node_not_ready"
    assert "404" in ended.report["message"]


def test_an_api_server_is_started_and_asked(node: RestoreNode) -> None:
    node.done("stop_pods")
    with api_server(lambda _, path: (200, "ok") if path == "/readyz" else (404, "")) as url:
        for _ in range(2):
            assert node.done("start_api", api_url=url) == {"ready": True}
    assert not node.aside.exists()


@pytest.mark.parametrize(("status", "body"), [(500, "[-]etcd failed"), (401, "Unauthorized")])
def test_an_api_server_that_is_not_ready_is_told(node: RestoreNode, status: int, body: str) -> None:
    with api_server(lambda *_: (status, body)) as url:
        ended = node.run("start_api", api_url=url)
    assert ended.code == "api_not_ready"
    assert str(status) in ended.report["message"]


def test_an_api_server_of_which_only_another_one_answers_is_not_started(node: RestoreNode) -> None:
    """A load balancer's address, or a server of the host network that is about to end."""
    node.stubs = {"crictl": "exit 0", "ctr": "exit 0"}
    with api_server(lambda *_: (200, "ok")) as url:
        assert node.run("start_api", api_url=url).code == "api_not_ready"


class Maps:
    """A cluster's ConfigMaps: one at most."""

    def __init__(self, *, watches: bool = True, writes: bool = True, left: bool = False) -> None:
        self.there, self.watches, self.writes = left, watches, writes
        self.calls: list[str] = []

    def __call__(self, method: str, path: str) -> tuple[int, str]:
        self.calls.append(f"{method} {path}")
        if method == "DELETE":
            was, self.there = self.there, False
            return (200, "{}") if was else (404, "{}")
        if method == "POST":
            if self.there or not self.writes:
                return 409, "{}"
            self.there = True
            return 201, "{}"
        if "watch=1" in path:
            event = f'{{"type":"ADDED","object":{{"data":{{"run":"{RUN}"}}}}}}\n'
            return 200, event if self.watches and "resourceVersion=77&" in path else ""
        return 200, '{\n  "metadata": {\n    "resourceVersion": "77"\n  },\n  "items": [ {"resourceVersion": "5"} ]\n}'


@pytest.mark.parametrize("left", [False, True])
def test_an_object_is_written_watched_and_removed(node: RestoreNode, left: bool) -> None:
    """Also when a run that was killed has left it there."""
    maps = Maps(left=left)
    with api_server(maps) as url:
        assert node.done("write_watch", api_url=url) == {"wrote": True, "seen": True}
    assert not maps.there
    assert maps.calls[-1] == f"DELETE {MAPS}/holdfast-restore"


def test_a_watch_that_shows_nothing_is_told(node: RestoreNode) -> None:
    with api_server(Maps(watches=False)) as url:
        assert node.run("write_watch", api_url=url).code == "api_watch_silent"


def test_a_write_that_is_refused_is_told(node: RestoreNode) -> None:
    with api_server(Maps(writes=False)) as url:
        ended = node.run("write_watch", api_url=url)
    assert ended.code == "api_write_failed"
    assert "409" in ended.report["message"]


def test_a_proxy_of_the_environment_is_not_asked_for_the_api_server(node: RestoreNode) -> None:
    program = node.program("start_api")
    with api_server(lambda *_: (200, "ok")) as url:
        program.values = {**program.values, "api_url": url}
        program.environment = {"http_proxy": "http://127.0.0.1:1"}
        assert program.run().exit_code == 0
