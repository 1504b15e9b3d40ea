"""template.yaml and statemachine/ as the tests of this folder read them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.local import template

ROOT = Path(__file__).parents[2]


@cache
def stack() -> Mapping[str, Any]:
    return template.read(ROOT / "template.yaml")


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties by logical id."""
    return {name: each["Properties"] for name, each in stack()["Resources"].items() if each["Type"] == kind}


@cache
def machine(name: str = "backup") -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads((ROOT / f"statemachine/{name}.asl.json").read_text())
    return content


def declared_machines() -> dict[str, dict[str, Any]]:
    """Properties by the name of the definition's file."""
    found = resources("AWS::Serverless::StateMachine").values()
    return {Path(each["DefinitionUri"]).name.partition(".")[0]: each for each in found}


@dataclass(frozen=True)
class Function:
    """`name` is the folder below functions/; `timeout` is in seconds."""

    logical_id: str
    name: str
    properties: Mapping[str, Any]

    @property
    def timeout(self) -> int:
        return int(self.properties.get("Timeout", stack()["Globals"]["Function"]["Timeout"]))

    @property
    def environment(self) -> Mapping[str, Any]:
        """Its own variables, without the global ones."""
        variables: Mapping[str, Any] = self.properties.get("Environment", {}).get("Variables", {})
        return variables

    @property
    def role(self) -> str:
        reference: list[str] = self.properties["Role"]["Fn::GetAtt"]
        return reference[0]


def functions() -> dict[str, Function]:
    """By folder."""
    found = resources("AWS::Serverless::Function")
    made = (Function(name, Path(each["CodeUri"]).name, each) for name, each in found.items())
    return {function.name: function for function in made}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy; `owner` is the role, managed policy or bucket policy that has it. `optional`: the
    stack has it under a condition only."""

    owner: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: Mapping[str, Any]
    effect: str = "Allow"
    sid: str = ""
    optional: bool = False


def statements() -> Iterator[Statement]:
    """What identity policies allow."""
    return (each for each in _identity() if each.effect == "Allow")


def denials() -> Iterator[Statement]:
    """What identity policies deny, under whatever condition of the template."""
    return (each for each in _identity() if each.effect == "Deny")


def _identity() -> Iterator[Statement]:
    for owner, role in resources("AWS::IAM::Role").items():
        for policy in role.get("Policies", ()):
            yield from _statements(owner, policy["PolicyDocument"])
    for owner, managed in resources("AWS::IAM::ManagedPolicy").items():
        yield from _statements(owner, managed["PolicyDocument"])


def bucket_statements() -> Iterator[Statement]:
    """`owner` is the bucket."""
    for policy in resources("AWS::S3::BucketPolicy").values():
        yield from _statements(policy["Bucket"]["Ref"], policy["PolicyDocument"])


def _statements(owner: str, document: Mapping[str, Any]) -> Iterator[Statement]:
    for declared in document["Statement"]:
        each = declared["Fn::If"][1] if "Fn::If" in declared else declared
        actions, wanted = _many(each["Action"]), _many(each["Resource"])
        yield Statement(
            owner, actions, wanted, each.get("Condition", {}), each["Effect"], each.get("Sid", ""), "Fn::If" in declared
        )


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def text_of(value: Any) -> str:
    """A resource as one line, of a choice the first: "Table.Arn", "Topic", "${SnapshotsBucket.Arn}/*/manifest.json"."""
    if isinstance(value, str):
        return value
    (kind, argument), *_ = value.items()
    if kind == "Fn::If":
        return text_of(argument[1])
    return ".".join(argument) if kind == "Fn::GetAtt" else str(argument)
