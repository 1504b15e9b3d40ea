"""The errors that every credential store raises, in the same words. None of them takes a secret's text."""

from typing import NamedTuple

from holdfast.errors import PermanentError


class Format(NamedTuple):
    """What a kind of secret holds, for the hints: the file that one would make, and its content."""

    file: str
    content: str


ETCD_TLS = Format("etcd.json", 'JSON with "ca", "cert" and "key", each a PEM text with \\n at its line ends')
SSH_KEY = Format(
    "ssh.json", 'JSON with "private_key", a PEM text with \\n at its line ends, and "passphrase" if it has one'
)
KUBERNETES = Format(
    "kubeconfig",
    "a kubeconfig that holds certificates and keys itself (kubectl config view --flatten --minify), or JSON with "
    '"server", "ca" (PEM) and "token"',
)

STORE_KEYS = Format("store.json", 'JSON with "access_key", "secret_key", and "session_token" for short-lived keys')
WEBHOOK = Format(
    "webhook.json", 'JSON with "url" (https), and if wanted "key" (at least 16 characters, signs) and "ca" (PEM)'
)


def secret_not_found(name: str, form: Format, detail: str = "") -> PermanentError:
    return PermanentError(
        "secret_not_found",
        f"there is no secret {name}" + (f": {detail}" if detail else ""),
        hint=f"create it: aws secretsmanager create-secret --name {name} --secret-string file://{form.file}, which is "
        + form.content,
    )


def secret_malformed(name: str, what: str, form: Format) -> PermanentError:
    return PermanentError(
        "secret_malformed", f"the secret {name} is not usable: {what}", hint=f"it must be {form.content}"
    )
