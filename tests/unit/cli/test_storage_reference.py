"""docs/reference/storage.md is executed: its file is valid but for the certificate, and no field is missing."""

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from holdfast.cli.spec_file import parse_cluster_spec
from holdfast.errors import InvalidInputError
from holdfast.local.pki import issue_ca
from holdfast.models.base import Model
from holdfast.models.storage import EncryptionSpec, RoleSpec, StorageSpec

TEXT = (Path(__file__).parents[3] / "docs" / "reference" / "storage.md").read_text(encoding="utf-8")
FIELDS = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]*) \|", TEXT.split("## Fields")[1].split("\n\n")[1], re.MULTILINE))
NESTED: dict[str, type[Model]] = {"role": RoleSpec, "secrets_role": RoleSpec, "encryption": EncryptionSpec}
PEM = re.compile(r" *-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def _there() -> dict[str, object]:
    """Every field, nested ones with a dot, and its default."""
    found: dict[str, object] = {}
    for name, field in StorageSpec.model_fields.items():
        if name not in NESTED:
            found[name] = field.default
            continue
        found |= {f"{name}.{inner}": each.default for inner, each in NESTED[name].model_fields.items()}
    return found


def test_the_reference_lists_exactly_the_fields_that_there_are_with_their_defaults() -> None:
    there = _there()
    assert sorted(FIELDS) == sorted(there)
    for name, default in there.items():
        if default is None or default is PydanticUndefined:
            assert not FIELDS[name].startswith("`"), name
        else:
            assert FIELDS[name] == f"`{str(default).lower() if isinstance(default, bool) else default}`", name


def test_the_file_of_the_reference_is_valid_with_a_certificate_of_ones_own() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    with pytest.raises(InvalidInputError, match=r"storage\.ca: holds PEM text that is no X\.509 certificate"):
        parse_cluster_spec(text, "storage.md")
    own = "".join(f"    {line}\n" for line in issue_ca().certificate.splitlines())
    spec = parse_cluster_spec(PEM.sub(lambda _: own, text), "storage.md")
    assert spec.storage is not None
    assert (spec.storage.checksums, spec.storage.conditional_puts) == ("none", False)


def test_a_customer_key_in_a_file_is_refused_with_its_line_and_the_reason() -> None:
    text = "id: lab\ndriver: kubeadm\ntransport: {kind: ssm, nodes: [{name: a, instance: i-0123456789abcdef0}]}\n"
    with pytest.raises(InvalidInputError) as error:
        parse_cluster_spec(text + "storage:\n  encryption:\n    customer_key: c2VjcmV0\n", "lab.yaml")
    assert "lab.yaml:6:" in error.value.message
    assert "SSE-C" in error.value.message
    assert "c2VjcmV0" not in error.value.message


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("bucket: Snapshots", "3 to 63 lower-case letters"),
        ("region: EU", "for example eu-central-1"),
        ("folder: /team", "up to five segments"),
        ("role: {arn: my-role}", "arn:aws:iam::ACCOUNT:role/NAME"),
        ("endpoint: http://s3.example.com", "plain http"),
        ("bukket: x", "did you mean bucket"),
    ],
)
def test_a_mistake_in_a_storage_is_shown_with_its_line_and_a_hint(line: str, hint: str) -> None:
    text = "id: lab\ndriver: kubeadm\ntransport: {kind: ssm, nodes: [{name: a, instance: i-0123456789abcdef0}]}\n"
    with pytest.raises(InvalidInputError) as error:
        parse_cluster_spec(f"{text}storage:\n  {line}\n", "lab.yaml")
    assert "lab.yaml:5:" in error.value.message
    assert hint in error.value.message
