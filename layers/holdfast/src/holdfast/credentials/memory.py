"""A credential store in memory. It takes the text that Secrets Manager would hold: bad secrets can be tried."""

from holdfast.credentials.etcd_secret import parse_etcd_tls
from holdfast.credentials.failures import ETCD_TLS, KUBERNETES, SSH_KEY, STORE_KEYS, WEBHOOK, Format, secret_not_found
from holdfast.credentials.kubernetes_secret import parse_kubernetes_access
from holdfast.credentials.ssh_secret import parse_ssh_key
from holdfast.credentials.store_secret import parse_store_keys
from holdfast.credentials.webhook_secret import parse_webhook
from holdfast.doubles import FailsOnDemand
from holdfast.models.credentials import EtcdTls, KubernetesAccess, SshKey, Webhook
from holdfast.models.storage import StoreKeys


class MemoryCredentials(FailsOnDemand):
    def __init__(self, secrets: dict[str, str] | None = None) -> None:
        super().__init__()
        self._secrets = dict(secrets or {})

    def put(self, name: str, text: str) -> None:
        self._secrets[name] = text

    def etcd_tls(self, name: str) -> EtcdTls:
        self._reach("etcd_tls")
        return parse_etcd_tls(name, self._text(name, ETCD_TLS))

    def ssh_key(self, name: str) -> SshKey:
        self._reach("ssh_key")
        return parse_ssh_key(name, self._text(name, SSH_KEY))

    def kubernetes(self, name: str) -> KubernetesAccess:
        self._reach("kubernetes")
        return parse_kubernetes_access(name, self._text(name, KUBERNETES))

    def store_keys(self, name: str) -> StoreKeys:
        self._reach("store_keys")
        return parse_store_keys(name, self._text(name, STORE_KEYS))

    def webhook(self, name: str) -> Webhook:
        self._reach("webhook")
        return parse_webhook(name, self._text(name, WEBHOOK))

    def _text(self, name: str, form: Format) -> str:
        if name not in self._secrets:
            raise secret_not_found(name, form)
        return self._secrets[name]
