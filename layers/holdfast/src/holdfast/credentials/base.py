"""The contract for reading credentials. Values never reach a log, an event, a plan or an error's message."""

from typing import Protocol

from holdfast.models.credentials import EtcdTls, KubernetesAccess, SshKey, Webhook
from holdfast.models.storage import StoreKeys


class CredentialStore(Protocol):
    """Each method reads the secret `name` in one format.

    PermanentError `secret_not_found`, `secret_access_denied`, `secret_malformed` (which field, never its value),
    `secrets_refused`; TransientError `secrets_unavailable`.
    """

    def etcd_tls(self, name: str) -> EtcdTls:
        """JSON {"ca", "cert", "key"} in PEM."""

    def ssh_key(self, name: str) -> SshKey:
        """JSON {"private_key": PEM, "passphrase": optional}."""

    def kubernetes(self, name: str) -> KubernetesAccess:
        """A kubeconfig (YAML or JSON; its current context), or JSON {"server", "ca", "token"}.

        Also RefusedError `kubeconfig_runs_programs` for exec plugins and auth providers, and `kubeconfig_names_files`
        for one that points to files instead of holding their content.
        """

    def store_keys(self, name: str) -> StoreKeys:
        """JSON {"access_key", "secret_key", "session_token": optional}."""

    def webhook(self, name: str) -> Webhook:
        """JSON {"url", "key": optional, "ca": PEM, optional}."""
