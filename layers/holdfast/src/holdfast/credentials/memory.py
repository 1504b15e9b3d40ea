"""A credential store in memory. It takes the JSON text that Secrets Manager would hold: bad secrets can be tried."""

from holdfast.credentials.etcd_secret import parse_etcd_tls
from holdfast.credentials.failures import secret_not_found
from holdfast.doubles import FailsOnDemand
from holdfast.models.credentials import EtcdTls


class MemoryCredentials(FailsOnDemand):
    def __init__(self, secrets: dict[str, str] | None = None) -> None:
        super().__init__()
        self._secrets = dict(secrets or {})

    def put(self, name: str, text: str) -> None:
        self._secrets[name] = text

    def etcd_tls(self, name: str) -> EtcdTls:
        self._reach("etcd_tls")
        if name not in self._secrets:
            raise secret_not_found(name)
        return parse_etcd_tls(name, self._secrets[name])
