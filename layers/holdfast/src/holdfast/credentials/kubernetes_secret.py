"""What a secret for the Kubernetes API may be: a kubeconfig (kubeconfig.py), or JSON {"server", "ca", "token"}."""

import json

import yaml

from holdfast.credentials.failures import KUBERNETES, secret_malformed
from holdfast.credentials.fields import validated
from holdfast.credentials.kubeconfig import access_fields
from holdfast.models.credentials import KubernetesAccess


def parse_kubernetes_access(name: str, text: str) -> KubernetesAccess:
    """Also RefusedError `kubeconfig_…` of kubeconfig.py."""
    value = _object(text)
    if value is None:
        raise secret_malformed(name, "it is neither YAML nor JSON with fields", KUBERNETES)
    fields = access_fields(name, value) if "clusters" in value or value.get("kind") == "Config" else value
    return validated(name, KubernetesAccess, fields, KUBERNETES)


def _object(text: str) -> dict[str, object] | None:
    """JSON first: a JSON text with tabs in it is no YAML."""
    for load in (json.loads, yaml.safe_load):
        try:
            value = load(text)
        except (ValueError, RecursionError, yaml.YAMLError):
            continue
        if isinstance(value, dict):
            return value
    return None
