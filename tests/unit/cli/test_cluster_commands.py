"""`holdfast cluster` over the shipped doubles."""

from pathlib import Path
from typing import Any

import pytest

from builders.command_line import holdfast
from builders.services import services_with
from builders.specs import cluster_spec
from builders.stores import storage

FILE = """\
id: prod-1
driver: kubeadm
transport:
  kind: etcd
  endpoints: [{endpoint}]
  credentials: holdfast/prod-1/etcd
schedule: {{rate: 6 hours}}
"""


def cluster_file(folder: Path, endpoint: str = "https://10.0.0.1:2379") -> str:
    path = folder / "cluster.yaml"
    path.write_text(FILE.format(endpoint=endpoint))
    return str(path)


def test_apply_stores_the_cluster_and_says_what_changed(tmp_path: Path) -> None:
    services = services_with()
    services.clusters.remove("prod-1")
    ended = holdfast("cluster", "apply", "-f", cluster_file(tmp_path), "-o", "json", services=services)
    assert ended.code == 0
    assert ended.value["applied"]["change"] == "created"
    assert ended.value["applied"]["schedule"]["expression"] == "rate(6 hours)"
    assert services.clusters.get("prod-1").driver == "kubeadm"
    again = holdfast("cluster", "apply", "-f", cluster_file(tmp_path), services=services)
    assert again.stdout == "cluster prod-1 unchanged; schedule: rate(6 hours) UTC\n"


def test_apply_refuses_another_cluster_of_the_same_id_unless_told(tmp_path: Path) -> None:
    services = services_with()
    file = cluster_file(tmp_path, endpoint="https://192.168.0.9:2379")
    ended = holdfast("cluster", "apply", "-f", file, services=services)
    assert ended.code == 3
    assert ended.stderr.startswith("error[cluster_exists]")
    assert holdfast("cluster", "apply", "-f", file, "--replace", services=services).code == 0


def test_apply_names_the_line_of_a_mistake_and_exits_2(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(FILE.format(endpoint="https://10.0.0.1:2379") + "retantion: {keep_last: 3}\n")
    ended = holdfast("cluster", "apply", "-f", str(path), services=services_with())
    assert ended.code == 2
    assert f"{path}:8:1: retantion" in ended.stderr


def test_a_file_that_is_not_there_exits_2() -> None:
    ended = holdfast("cluster", "apply", "-f", "/nowhere.yaml", services=services_with())
    assert ended.code == 2
    assert "error[cluster_file_unreadable]" in ended.stderr


def test_list_shows_each_cluster_in_a_row() -> None:
    ended = holdfast("cluster", "list", services=services_with())
    header, row = ended.stdout.splitlines()
    assert header.split() == ["ID", "DRIVER", "REACHED", "SCHEDULE", "KEEPS"]
    assert row.split() == [
        "prod-1",
        "kubeadm",
        "etcd,",
        "2",
        "0",
        "3",
        "*",
        "*",
        "*",
        "Europe/Berlin",
        "the",
        "newest",
        "30",
    ]


def test_show_has_the_spec_and_the_schedule_that_is_in_force() -> None:
    ended = holdfast("cluster", "show", "prod-1", "-o", "json", services=services_with())
    assert ended.value["cluster"]["transport"]["credentials"] == "holdfast/prod-1/etcd"
    assert ended.value["schedule"] is None


def test_remove_forgets_the_cluster() -> None:
    services = services_with()
    assert holdfast("cluster", "remove", "prod-1", "-o", "json", services=services).value == {"removed": "prod-1"}
    ended = holdfast("cluster", "remove", "prod-1", services=services)
    assert ended.code == 1
    assert "error[cluster_unknown]" in ended.stderr


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (None, "the installation's storage"),
        ({"folder": "team"}, "the stack's buckets/team"),
        (storage(folder="team").model_dump(), "snapshots/team at http://127.0.0.1:9000"),
    ],
)
def test_show_says_where_the_backups_are(spec: dict[str, Any] | None, text: str) -> None:
    services = services_with(cluster_spec(storage=spec))
    assert text in holdfast("cluster", "show", "prod-1", services=services).stdout
