"""What every credential store keeps: in memory, and Secrets Manager (on moto). Above all: no secret gets out."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from builders.credentials import a_kubeconfig, an_ssh_key, base64_of
from builders.moto_aws import AnswersWith, moto_aws
from holdfast.credentials.base import CredentialStore
from holdfast.credentials.memory import MemoryCredentials
from holdfast.credentials.secretsmanager import SecretsManagerCredentials
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.local.pki import issue_ca

NAME = "holdfast/prod-1/etcd"
MARK = "c2VjcmV0LW1hcms"

KINDS = ["etcd_tls", "ssh_key", "kubernetes", "store_keys", "webhook"]

type Put = Callable[[str], None]
type Store = tuple[CredentialStore, Put]


@cache
def pems() -> dict[str, str]:
    authority = issue_ca()
    client = authority.issue_client()
    return {"ca": authority.certificate, "cert": client.certificate, "key": client.key}


@pytest.fixture(params=["memory", "secretsmanager"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        memory = MemoryCredentials()
        yield memory, lambda text: memory.put(NAME, text)
        return
    with moto_aws() as client:
        manager = client("secretsmanager")
        yield (
            SecretsManagerCredentials(manager),
            lambda text: manager.create_secret(Name=NAME, SecretString=text),
        )


@cache
def kubeconfig() -> str:
    authority = issue_ca()
    client = authority.issue_client()
    return a_kubeconfig(
        {"certificate-authority-data": base64_of(authority.certificate)},
        {"client-certificate-data": base64_of(client.certificate), "client-key-data": base64_of(client.key)},
    )


def refusal(store: Store, text: str, kind: str = "etcd_tls") -> PermanentError:
    credentials, put = store
    put(text)
    with pytest.raises(PermanentError) as caught:
        getattr(credentials, kind)(NAME)
    return caught.value


def test_the_three_texts_of_a_secret_come_back(store: Store) -> None:
    credentials, put = store
    put(json.dumps(pems()))

    tls = credentials.etcd_tls(NAME)

    assert {field: getattr(tls, field).get_secret_value() for field in pems()} == pems()


def test_a_note_beside_the_three_texts_does_no_harm(store: Store) -> None:
    credentials, put = store
    put(json.dumps(pems() | {"note": "renewed in November"}))

    assert credentials.etcd_tls(NAME).key.get_secret_value() == pems()["key"]


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_key_for_ssh_comes_back(store: Store, passphrase: str | None) -> None:
    credentials, put = store
    put(json.dumps({"private_key": an_ssh_key(passphrase), "passphrase": passphrase}))

    key = credentials.ssh_key(NAME)

    assert key.private_key.get_secret_value() == an_ssh_key(passphrase)
    assert (key.passphrase.get_secret_value() if key.passphrase else None) == passphrase


@pytest.mark.parametrize("token", [None, "a-session-token"])
def test_keys_for_a_store_come_back(store: Store, token: str | None) -> None:
    credentials, put = store
    put(json.dumps({"access_key": "AKIA1", "secret_key": "c2VjcmV0", "session_token": token}))

    keys = credentials.store_keys(NAME)

    assert (keys.access_key, keys.secret_key.get_secret_value()) == ("AKIA1", "c2VjcmV0")
    assert (keys.session_token.get_secret_value() if keys.session_token else None) == token


@pytest.mark.parametrize("key", [None, "a key that signs"])
def test_a_webhook_comes_back(store: Store, key: str | None) -> None:
    credentials, put = store
    put(json.dumps({"url": "https://hooks.example/a?b=c", "key": key, "ca": pems()["ca"]}))

    webhook = credentials.webhook(NAME)

    assert webhook.url.get_secret_value() == "https://hooks.example/a?b=c"
    assert (webhook.key.get_secret_value() if webhook.key else None) == key
    assert "hooks.example" not in f"{webhook!r} {webhook.model_dump_json()}"


def test_a_kubeconfig_comes_back_as_what_it_gives_access_to(store: Store) -> None:
    credentials, put = store
    put(kubeconfig())

    access = credentials.kubernetes(NAME)

    assert access.server == "https://api.example:6443"
    assert access.cert is not None
    assert access.cert.get_secret_value().startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("etcd_tls", '"cert"'),
        ("ssh_key", '"private_key"'),
        ("kubernetes", "kubeconfig"),
        ("store_keys", '"access_key"'),
        ("webhook", '"url"'),
    ],
)
def test_a_missing_secret_is_named_with_the_way_to_create_it(store: Store, kind: str, wanted: str) -> None:
    with pytest.raises(PermanentError, match=NAME) as caught:
        getattr(store[0], kind)(NAME)

    assert caught.value.code == "secret_not_found"
    assert "create-secret" in caught.value.hint
    assert wanted in caught.value.hint


@pytest.mark.parametrize("field", ["ca", "cert", "key"])
def test_a_missing_field_is_named(store: Store, field: str) -> None:
    error = refusal(store, json.dumps({name: text for name, text in pems().items() if name != field}))

    assert error.code == "secret_malformed"
    assert f'"{field}"' in error.message


@pytest.mark.parametrize("field", ["ca", "cert", "key"])
@pytest.mark.parametrize("value", [MARK, "", 7, None, ["-----BEGIN"]])
def test_a_field_that_is_no_pem_is_named(store: Store, field: str, value: object) -> None:
    error = refusal(store, json.dumps(pems() | {field: value}))

    assert error.code == "secret_malformed"
    assert f'"{field}"' in error.message


def test_a_key_of_another_certificate_is_refused(store: Store) -> None:
    error = refusal(store, json.dumps(pems() | {"key": issue_ca().issue_client().key}))

    assert error.code == "secret_malformed"
    assert "does not belong" in error.message


BROKEN = {
    "no JSON": f'{{"ca": "{MARK}',
    "a list": json.dumps([MARK]),
    "a text": json.dumps(MARK),
    "only PEM": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n",
    "no PEM": json.dumps({"ca": MARK, "cert": MARK, "key": MARK}),
    "YAML": f"clusters: [{MARK}",
    "a kubeconfig of one word": f"clusters: {MARK}\ncurrent-context: {MARK}\n",
    "a kubeconfig with a broken key": a_kubeconfig({}, {"client-key-data": MARK + "-"}),
    "a kubeconfig with a broken authority": a_kubeconfig(
        {"certificate-authority-data": base64_of(f"-----BEGIN CERTIFICATE-----\n{MARK}\n-----END CERTIFICATE-----\n")},
        {"token": MARK},
    ),
    "no server": json.dumps({"server": f"https://{MARK} /", "token": f"{MARK} {MARK}"}),
    "a broken key for SSH": json.dumps(
        {"private_key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{MARK}\n-----END OPENSSH PRIVATE KEY-----\n"}
    ),
    "a passphrase for nothing": json.dumps({"private_key": an_ssh_key(None), "passphrase": MARK}),
    "another passphrase": json.dumps({"private_key": an_ssh_key("correct horse"), "passphrase": MARK}),
    "a webhook in the clear": json.dumps({"url": f"http://{MARK}/"}),
    "a webhook with a broken authority": json.dumps(
        {"url": "https://hooks.example/", "ca": f"-----BEGIN CERTIFICATE-----\n{MARK}\n-----END CERTIFICATE-----\n"}
    ),
    "keys with blanks": json.dumps({"access_key": "AKIA1", "secret_key": f"{MARK} {MARK}"}),
    "broken PEM": json.dumps(
        {name: f"-----BEGIN {word}-----\n{MARK}\n-----END {word}-----\n" for name, word in
         (("ca", "CERTIFICATE"), ("cert", "CERTIFICATE"), ("key", "PRIVATE KEY"))}
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_the_text_of_a_broken_secret_is_in_no_error_and_no_log(
    store: Store, text: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="holdfast")
    error = refusal(store, text, kind)
    logging.getLogger("holdfast").error("read failed", exc_info=error)

    assert error.code == "secret_malformed"
    shown = [str(error), repr(error), error.hint, caplog.text, "".join(traceback.format_exception(error))]
    assert not [each for each in shown if MARK in each]
    assert all(MARK not in repr(vars(each)) + str(each) for each in behind(error))


def behind(error: BaseException | None) -> list[BaseException]:
    """The error with everything that a log formatter can reach from it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def test_the_text_of_a_good_secret_is_in_no_representation(store: Store) -> None:
    credentials, put = store
    put(json.dumps(pems()))
    tls = credentials.etcd_tls(NAME)
    secret_line = pems()["key"].splitlines()[1]

    shown = f"{tls!r} {tls} {tls.model_dump()} {tls.model_dump_json()}"

    assert secret_line in tls.key.get_secret_value()
    assert secret_line not in shown


def test_a_binary_secret_is_refused() -> None:
    with moto_aws() as client:
        manager = client("secretsmanager")
        manager.create_secret(Name=NAME, SecretBinary=MARK.encode())

        with pytest.raises(PermanentError, match="binary") as caught:
            SecretsManagerCredentials(manager).etcd_tls(NAME)

    assert caught.value.code == "secret_malformed"


def test_a_secret_that_is_being_deleted_is_as_good_as_missing() -> None:
    with moto_aws() as client:
        manager = client("secretsmanager")
        manager.create_secret(Name=NAME, SecretString=json.dumps(pems()))
        manager.delete_secret(SecretId=NAME)

        with pytest.raises(PermanentError, match="delet") as caught:
            SecretsManagerCredentials(manager).etcd_tls(NAME)

    assert caught.value.code == "secret_not_found"


@pytest.mark.parametrize(
    ("answer", "status", "family", "code"),
    [
        ("ThrottlingException", 400, TransientError, "secrets_unavailable"),
        ("InternalServiceError", 500, TransientError, "secrets_unavailable"),
        ("AccessDeniedException", 400, PermanentError, "secret_access_denied"),
        ("InvalidParameterException", 400, PermanentError, "secrets_refused"),
    ],
)
def test_what_secrets_manager_answers_is_read(answer: str, status: int, family: type[HoldfastError], code: str) -> None:
    with moto_aws() as client, pytest.raises(family) as caught:
        SecretsManagerCredentials(AnswersWith(client("secretsmanager"), answer, status)).etcd_tls(NAME)

    assert caught.value.code == code


@pytest.mark.parametrize("kind", KINDS)
def test_a_double_fails_on_demand(kind: str) -> None:
    texts = {
        "etcd_tls": json.dumps(pems()),
        "ssh_key": json.dumps({"private_key": an_ssh_key(None)}),
        "kubernetes": kubeconfig(),
        "store_keys": json.dumps({"access_key": "AKIA1", "secret_key": "s"}),
        "webhook": json.dumps({"url": "https://hooks.example/"}),
    }
    memory = MemoryCredentials({NAME: texts[kind]})
    memory.fail(kind, TransientError("secrets_unavailable", "on demand"))

    with pytest.raises(TransientError):
        getattr(memory, kind)(NAME)
    assert getattr(memory, kind)(NAME)
