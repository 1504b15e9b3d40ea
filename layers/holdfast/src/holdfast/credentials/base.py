"""The contract for reading credentials. Values never reach a log, an event, a plan or an error's message."""

from typing import Protocol

from holdfast.models.credentials import EtcdTls


class CredentialStore(Protocol):
    def etcd_tls(self, name: str) -> EtcdTls:
        """The secret `name`: JSON {"ca", "cert", "key"} in PEM.

        PermanentError `secret_not_found`, `secret_access_denied`, `secret_malformed` (which field, never its value),
        `secrets_refused`; TransientError `secrets_unavailable`.
        """
