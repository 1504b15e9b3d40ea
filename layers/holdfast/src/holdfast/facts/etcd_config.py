"""etcd's configuration file (--config-file), brought to the names of its flags."""

from holdfast.facts.yaml_text import mapping, read_yaml, text_of

_NAMES = ("name", "data-dir", "listen-client-urls", "advertise-client-urls")
_SECURITY = {
    "cert-file": "cert-file",
    "key-file": "key-file",
    "trusted-ca-file": "trusted-ca-file",
    "client-cert-auth": "client-cert-auth",
}


def read_etcd_config(what: str, text: str) -> dict[str, str]:
    """Only what tells where the member is and who may ask it; PermanentError `node_output_unreadable`."""
    found = read_yaml(what, text)
    client, peer = mapping(found.get("client-transport-security")), mapping(found.get("peer-transport-security"))
    settings = {name: text_of(found.get(name)) for name in _NAMES}
    settings |= {flag: text_of(client.get(name)) for name, flag in _SECURITY.items()}
    settings |= {f"peer-{flag}": text_of(peer.get(name)) for name, flag in _SECURITY.items()}
    return {name: value for name, value in settings.items() if value}
