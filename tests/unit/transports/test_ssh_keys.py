"""Private keys in every form that OpenSSH writes, and keys that cannot be used."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_public_key,
)
from pydantic import SecretStr

from builders.ssh_keys import encrypted_pem
from holdfast.errors import PermanentError
from holdfast.models.credentials import SshKey
from holdfast.transports.ssh.keys import private_key

MADE: dict[str, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa": ec.generate_private_key(ec.SECP384R1()),
    "rsa": rsa.generate_private_key(65_537, 2048),
}
FORMS = {
    "openssh": PrivateFormat.OpenSSH,
    "pkcs8": PrivateFormat.PKCS8,
    "traditional": PrivateFormat.TraditionalOpenSSL,
}


@pytest.mark.parametrize("passphrase", [None, "right"])
@pytest.mark.parametrize(
    ("kind", "form"), [(kind, form) for kind in MADE for form in FORMS if (kind, form) != ("ed25519", "traditional")]
)
def test_a_key_is_read_in_every_form(kind: str, form: str, passphrase: str | None) -> None:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    pem = MADE[kind].private_bytes(Encoding.PEM, FORMS[form], encryption).decode()
    read = private_key(SshKey.model_validate({"private_key": pem, "passphrase": passphrase}))
    assert load_ssh_public_key(f"{read.get_name()} {read.get_base64()}".encode()) == MADE[kind].public_key()


@pytest.mark.parametrize(
    ("passphrase", "why"), [(None, "no passphrase"), ("wrong-5ecret", "the passphrase does not open it")]
)
def test_an_encrypted_key_that_does_not_open_is_told_without_a_word_of_it(passphrase: str | None, why: str) -> None:
    pem = encrypted_pem("right")
    # A secret that was read has been tried by the model already; what is tried here is the second line.
    secret = SshKey.model_construct(
        private_key=SecretStr(pem), passphrase=SecretStr(passphrase) if passphrase else None
    )
    with pytest.raises(PermanentError) as error:
        private_key(secret)
    assert error.value.code == "ssh_key_unusable"
    assert why in error.value.message
    assert (error.value.__cause__, error.value.__context__) == (None, None)
    said = f"{error.value!r} {error.value} {error.value.hint}"
    assert not any(line in said for line in [*pem.splitlines(), "wrong-5ecret"])


def test_a_key_of_a_kind_that_is_not_supported_is_told() -> None:
    pem = ed448.Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(PermanentError) as error:
        private_key(SshKey.model_validate({"private_key": pem}))
    assert error.value.code == "ssh_key_unusable"
    assert "ed25519, ECDSA and RSA" in error.value.message
