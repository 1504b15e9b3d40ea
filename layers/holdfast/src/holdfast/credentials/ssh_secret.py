"""The format of a secret that holds a key for SSH: JSON {"private_key": PEM, "passphrase": optional}."""

from holdfast.credentials.failures import SSH_KEY
from holdfast.credentials.fields import json_object, validated
from holdfast.models.credentials import SshKey


def parse_ssh_key(name: str, text: str) -> SshKey:
    return validated(name, SshKey, json_object(name, text, SSH_KEY), SSH_KEY)
