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
    """One statement of an identity policy; `owner` is the role or managed policy that has it."""

    owner: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: Mapping[str, Any]


def statements() -> Iterator[Statement]:
    for owner, role in resources("AWS::IAM::Role").items():
        for policy in role.get("Policies", ()):
            yield from _statements(owner, policy["PolicyDocument"])
    for owner, managed in resources("AWS::IAM::ManagedPolicy").items():
        yield from _statements(owner, managed["PolicyDocument"])


def _statements(owner: str, document: Mapping[str, Any]) -> Iterator[Statement]:
    for each in document["Statement"]:
        actions, wanted = _many(each["Action"]), _many(each["Resource"])
        yield Statement(owner, actions, wanted, each.get("Condition", {}))


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def text_of(value: Any) -> str:
    """A resource as one line: "Table.Arn", "Topic", "${SnapshotsBucket.Arn}/*/manifest.json"."""
    if isinstance(value, str):
        return value
    (kind, argument), *_ = value.items()
    return ".".join(argument) if kind == "Fn::GetAtt" else str(argument)
