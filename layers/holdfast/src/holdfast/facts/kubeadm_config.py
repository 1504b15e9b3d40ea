"""The ConfigMap kubeadm-config: what kubeadm was told when it made or upgraded the cluster."""

import json

from holdfast.facts.unreadable import unreadable
from holdfast.facts.yaml_text import LARGEST_CHARACTERS, mapping, read_yaml, text_of


def read_certificates_dir(what: str, text: str) -> str:
    """`certificatesDir` of the ConfigMap as the API gives it (JSON), "" where it says none. An empty text, which means
    that the API did not answer, is "" too. PermanentError `node_output_unreadable`."""
    if not text.strip():
        return ""
    if len(text) > LARGEST_CHARACTERS:
        raise unreadable(what, f"it has more than {LARGEST_CHARACTERS} characters")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise unreadable(what, "it is no JSON") from None
    configuration = text_of(mapping(mapping(found).get("data")).get("ClusterConfiguration"))
    if not configuration:
        raise unreadable(what, "it is no ConfigMap with a ClusterConfiguration")
    return text_of(read_yaml(what, configuration).get("certificatesDir"))
