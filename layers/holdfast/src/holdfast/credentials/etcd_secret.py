"""The format of a secret that holds mutual TLS towards etcd: JSON {"ca", "cert", "key"}, each a PEM text."""

from holdfast.credentials.failures import ETCD_TLS
from holdfast.credentials.fields import json_object, validated
from holdfast.models.credentials import EtcdTls


def parse_etcd_tls(name: str, text: str) -> EtcdTls:
    """The three PEM texts of a secret's JSON, or `secret_malformed` with the field that is wrong."""
    return validated(name, EtcdTls, json_object(name, text, ETCD_TLS), ETCD_TLS)
