"""What a secret for the Kubernetes API may hold, and what is refused before anything is connected."""

import json

import pytest
import yaml

from builders.credentials import a_kubeconfig, base64_of
from holdfast.credentials.kubernetes_secret import parse_kubernetes_access
from holdfast.errors import HoldfastError, PermanentError, RefusedError
from holdfast.local.pki import issue_ca
from holdfast.models.credentials import KubernetesAccess

NAME = "holdfast/prod-1/kubernetes"
TOKENS = ["sha256~AbC-_d", "k8s-aws-v1.aHR0cHM6Ly9z", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln"]


def read(text: str) -> KubernetesAccess:
    return parse_kubernetes_access(NAME, text)


def refused(cluster: dict[str, object], user: dict[str, object]) -> HoldfastError:
    with pytest.raises(RefusedError) as caught:
        read(a_kubeconfig(cluster, user))
    assert NAME in caught.value.message
    assert caught.value.hint
    return caught.value


def malformed(text: str) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        read(text)
    assert caught.value.code == "secret_malformed"
    return caught.value


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_of_any_shape_is_passed_on_as_it_is(token: str) -> None:
    ca = issue_ca().certificate
    access = read(json.dumps({"server": "https://api.example:6443", "ca": ca, "token": token}))

    assert access.token is not None
    assert access.token.get_secret_value() == token


def test_the_line_end_of_a_token_file_is_no_part_of_the_token() -> None:
    access = read(json.dumps({"server": "https://api.example", "token": "abc\n"}))

    assert access.token is not None
    assert access.token.get_secret_value() == "abc"


def test_the_current_context_decides() -> None:
    access = read(a_kubeconfig({}, {"token": "right"}))

    assert access.server == "https://api.example:6443"
    assert access.token is not None
    assert access.token.get_secret_value() == "right"


def test_yaml_says_the_same_as_json() -> None:
    text = a_kubeconfig({"tls-server-name": "kubernetes"}, {"token": "right"})

    assert read(yaml.safe_dump(json.loads(text))) == read(text)
    assert read(text).server_name == "kubernetes"


def test_a_path_in_the_server_stays() -> None:
    access = read(a_kubeconfig({"server": "https://rancher.example/k8s/clusters/c-1/"}, {"token": "t"}))

    assert access.server == "https://rancher.example/k8s/clusters/c-1"


@pytest.mark.parametrize("field", ["exec", "auth-provider"])
def test_a_kubeconfig_that_runs_programs_is_refused(field: str) -> None:
    assert refused({}, {field: {"command": "aws"}, "token": "t"}).code == "kubeconfig_runs_programs"


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({"certificate-authority": "/ca.crt"}, {"token": "t"}),
        ({}, {"tokenFile": "/token"}),
        ({}, {"client-certificate": "/c.crt", "client-key-data": "eA=="}),
        ({}, {"client-key": "/c.key", "client-certificate-data": "eA=="}),
    ],
)
def test_a_kubeconfig_that_names_files_is_refused(cluster: dict[str, object], user: dict[str, object]) -> None:
    error = refused(cluster, user)

    assert error.code == "kubeconfig_names_files"
    assert "--flatten" in error.hint


def test_content_beside_a_path_is_used() -> None:
    ca = base64_of(issue_ca().certificate)
    text = a_kubeconfig({"certificate-authority": "/ca.crt", "certificate-authority-data": ca}, {"token": "t"})

    assert read(text).ca is not None


@pytest.mark.parametrize("cluster", [{"insecure-skip-tls-verify": True}, {"server": "http://api.example:8080"}])
def test_an_unchecked_server_is_refused(cluster: dict[str, object]) -> None:
    assert refused(cluster, {"token": "t"}).code == "kubeconfig_insecure"


@pytest.mark.parametrize(
    ("cluster", "user", "field"),
    [
        ({"proxy-url": "http://proxy:3128"}, {"token": "t"}, "proxy-url"),
        ({}, {"username": "admin", "password": "p"}, "username"),
        ({}, {"token": "t", "as": "admin"}, "as"),
    ],
)
def test_what_holdfast_does_not_use_is_named(cluster: dict[str, object], user: dict[str, object], field: str) -> None:
    error = refused(cluster, user)

    assert error.code == "kubeconfig_unsupported"
    assert f'"{field}"' in error.message


@pytest.mark.parametrize("missing", ["current-context", "contexts", "clusters", "users"])
def test_a_kubeconfig_with_a_part_missing_says_which(missing: str) -> None:
    config = json.loads(a_kubeconfig({}, {"token": "t"}))
    del config[missing]

    error = malformed(json.dumps(config))

    assert missing.removesuffix("s") in error.message


def test_nobody_signs_in_without_a_token_or_a_certificate() -> None:
    assert "either a token or a client certificate" in malformed(a_kubeconfig({}, {})).message


def test_a_key_of_another_certificate_is_refused() -> None:
    authority = issue_ca()
    user: dict[str, object] = {
        "client-certificate-data": base64_of(authority.issue_client().certificate),
        "client-key-data": base64_of(authority.issue_client().key),
    }

    assert "does not belong" in malformed(a_kubeconfig({}, user)).message


def test_a_field_that_is_no_base64_is_named() -> None:
    error = malformed(a_kubeconfig({"certificate-authority-data": "-----BEGIN"}, {"token": "t"}))

    assert '"certificate-authority-data"' in error.message


def test_a_program_in_yaml_is_not_run() -> None:
    assert malformed("!!python/object/apply:os.getcwd []").code == "secret_malformed"
