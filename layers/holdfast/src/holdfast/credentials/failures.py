"""The errors that every credential store raises, in the same words. None of them takes a secret's text."""

from holdfast.errors import PermanentError


def secret_not_found(name: str, detail: str = "") -> PermanentError:
    return PermanentError(
        "secret_not_found",
        f"there is no secret {name}" + (f": {detail}" if detail else ""),
        hint=f"create it: aws secretsmanager create-secret --name {name} --secret-string file://etcd.json with "
        '{"ca": "PEM", "cert": "PEM", "key": "PEM"}',
    )


def secret_malformed(name: str, what: str) -> PermanentError:
    return PermanentError(
        "secret_malformed",
        f"the secret {name} is not usable: {what}",
        hint='it must be JSON with "ca", "cert" and "key", each a PEM text with \\n at its line ends',
    )
