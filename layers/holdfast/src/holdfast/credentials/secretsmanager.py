"""Credentials from AWS Secrets Manager. The text of a secret is in no message, no cause and no log."""

from typing import Any

from holdfast.aws import AwsErrors
from holdfast.credentials.etcd_secret import parse_etcd_tls
from holdfast.credentials.failures import (
    ETCD_TLS,
    KUBERNETES,
    SSH_KEY,
    STORE_KEYS,
    WEBHOOK,
    Format,
    secret_malformed,
    secret_not_found,
)
from holdfast.credentials.kubernetes_secret import parse_kubernetes_access
from holdfast.credentials.ssh_secret import parse_ssh_key
from holdfast.credentials.store_secret import parse_store_keys
from holdfast.credentials.webhook_secret import parse_webhook
from holdfast.errors import PermanentError
from holdfast.models.credentials import EtcdTls, KubernetesAccess, SshKey, Webhook
from holdfast.models.storage import StoreKeys

_DECRYPT_HINT = "the role needs secretsmanager:GetSecretValue on the secret and kms:Decrypt on its key"
_ERRORS = AwsErrors(
    unavailable="secrets_unavailable",
    denied="secret_access_denied",
    refused="secrets_refused",
    denied_hint=_DECRYPT_HINT,
)


class SecretsManagerCredentials:
    """The CredentialStore on Secrets Manager."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def etcd_tls(self, name: str) -> EtcdTls:
        return parse_etcd_tls(name, self._text(name, ETCD_TLS))

    def ssh_key(self, name: str) -> SshKey:
        return parse_ssh_key(name, self._text(name, SSH_KEY))

    def kubernetes(self, name: str) -> KubernetesAccess:
        return parse_kubernetes_access(name, self._text(name, KUBERNETES))

    def store_keys(self, name: str) -> StoreKeys:
        return parse_store_keys(name, self._text(name, STORE_KEYS))

    def webhook(self, name: str) -> Webhook:
        return parse_webhook(name, self._text(name, WEBHOOK))

    def _text(self, name: str, form: Format) -> str:
        known = self._client.exceptions
        with _ERRORS.read(f"read the secret {name}"):
            try:
                answer = self._client.get_secret_value(SecretId=name)
            except known.ResourceNotFoundException:
                raise secret_not_found(name, form) from None
            except known.InvalidRequestException as error:
                # What Secrets Manager answers for a secret that is scheduled for deletion.
                raise secret_not_found(name, form, str(error.response["Error"]["Message"])) from None
            except known.DecryptionFailure:
                raise PermanentError(
                    "secret_access_denied",
                    f"the secret {name} cannot be decrypted with its KMS key",
                    hint=_DECRYPT_HINT,
                ) from None
        if "SecretString" not in answer:
            raise secret_malformed(name, "it is stored as binary, not as text", form)
        return str(answer["SecretString"])
