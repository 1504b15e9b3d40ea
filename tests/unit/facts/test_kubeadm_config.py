"""The ConfigMap kubeadm-config."""

import json

import pytest

from holdfast.errors import PermanentError
from holdfast.facts.kubeadm_config import read_certificates_dir


def config_map(cluster_configuration: str) -> str:
    return json.dumps({"kind": "ConfigMap", "data": {"ClusterConfiguration": cluster_configuration}})


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        (config_map("certificatesDir: /srv/pki\nclusterName: lab\n"), "/srv/pki"),
        (config_map("clusterName: lab\n"), ""),
        ("\n", ""),
    ],
    ids=["another folder", "no word of it", "an API server that did not answer"],
)
def test_the_folder_of_certificates_is_what_kubeadm_was_told(text: str, folder: str) -> None:
    assert read_certificates_dir("n1", text) == folder


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"data": {}}', config_map("[")])
def test_what_is_no_such_config_map_is_refused(text: str) -> None:
    with pytest.raises(PermanentError) as refused:
        read_certificates_dir("n1", text)
    assert refused.value.code == "node_output_unreadable"
