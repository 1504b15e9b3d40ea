"""kubelet's own configuration, of which only the static pods matter here."""

from collections.abc import Mapping

from holdfast.facts.yaml_text import read_yaml, text_of


def static_pod_path(flags: Mapping[str, str], what: str, configuration: str) -> str:
    """The folder of static pods, "" where none is named. The flag comes before the file (kubelet's own rule).

    PermanentError `node_output_unreadable` for a configuration that is no YAML; an empty one is none.
    """
    from_file = text_of(read_yaml(what, configuration).get("staticPodPath")) if configuration.strip() else ""
    return flags.get("pod-manifest-path", "") or from_file


def kubelet_version(text: str) -> str:
    """ "v1.20.2" of `kubelet --version`, which says "Kubernetes v1.20.2"."""
    name, _, version = text.strip().partition(" ")
    return version if name == "Kubernetes" else ""
