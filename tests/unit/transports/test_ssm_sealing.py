"""What is sealed for a node opens with its key and openssl there, and with nothing else."""

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from holdfast.errors import PermanentError
from holdfast.transports.ssm.sealing import seal
from holdfast.transports.steps import Sealed

SECRETS = {"plan_url": SecretStr("https://bucket/plan?X-Amz-Signature=it's$ecret\n"), "other": SecretStr("x" * 5000)}


def public_text(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(encoding, form)).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def opened(sealed: Sealed, key: rsa.RSAPrivateKey, folder: Path) -> str:
    """With the same two programs that node/step.sh runs."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "private.pem").write_bytes(private)
    (folder / "sealed_pass").write_bytes(base64.b64decode(sealed.password))
    (folder / "sealed").write_bytes(base64.b64decode(sealed.data))
    oaep = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"]
    decrypt = ["openssl", "pkeyutl", "-decrypt", "-inkey", "private.pem", *oaep, "-in", "sealed_pass", "-out", "pass"]
    subprocess.run(decrypt, cwd=folder, check=True)
    cipher = ["-aes-256-cbc", "-md", "sha256", "-pbkdf2", "-iter", "10000"]
    open_it = ["openssl", "enc", "-d", *cipher, "-pass", "file:pass", "-in", "sealed"]
    return subprocess.run(open_it, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_openssl_opens_it_with_the_nodes_key_and_a_shell_reads_the_values(
    key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    text = opened(seal("n1", SECRETS, public_text(key)), key, tmp_path)
    shown = subprocess.run(
        ["sh", "-c", f'{text}printf "%s|%s" "$plan_url" "$other"'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "|".join(value.get_secret_value() for value in SECRETS.values())


def test_sealing_twice_gives_nothing_that_could_be_compared(key: rsa.RSAPrivateKey) -> None:
    one, two = (seal("n1", SECRETS, public_text(key)) for _ in range(2))
    assert one.password != two.password
    assert one.data[12:] != two.data[12:]


def test_another_key_opens_nothing(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    sealed = seal("n1", SECRETS, public_text(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(subprocess.CalledProcessError):
        opened(sealed, key, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "not base64!",
        base64.b64encode(b"no key").decode(),
        public_text(ec.generate_private_key(ec.SECP256R1())),
        public_text(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - it must be refused
    ],
    ids=["empty", "no base64", "no key", "elliptic curve", "1024 bits"],
)
def test_a_key_that_is_none_or_too_weak_is_refused_and_nothing_is_sealed(answer: str) -> None:
    with pytest.raises(PermanentError) as error:
        seal("n1", SECRETS, answer)
    assert error.value.code == "ssm_key_refused"
    assert "openssl" in error.value.hint
