"""Reads template.yaml and puts uploaded artefacts in the place of local paths, as `sam package` does; no more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from holdfast.errors import InvalidInputError

PATH_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}


@dataclass(frozen=True)
class LocalPath:
    """A property of a resource that names a folder or file of the project."""

    logical_id: str
    kind: str
    path: Path
    build_method: str | None

    @property
    def property_name(self) -> str:
        return PATH_PROPERTIES[self.kind]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: `!Ref x` reads as {"Ref": "x"}."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type] # the third and last kind
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)
# Dates stay text, as CloudFormation reads them ("2012-10-17" in a policy is no date).
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise InvalidInputError("template_invalid", f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("Resources"), dict):
        raise InvalidInputError("template_invalid", f"{path} has no Resources")
    return content


def local_paths(template: Mapping[str, Any], folder: Path) -> Iterator[LocalPath]:
    """Fails with `template_invalid` when a path does not exist."""
    for logical_id, resource in template["Resources"].items():
        name = PATH_PROPERTIES.get(resource.get("Type"))
        value = resource.get("Properties", {}).get(name)
        if not isinstance(value, str) or value.startswith("s3://"):
            continue
        path = folder / value
        if not path.exists():
            raise InvalidInputError("template_invalid", f"{logical_id}.{name}: {path} does not exist")
        method = resource.get("Metadata", {}).get("BuildMethod")
        yield LocalPath(logical_id, resource["Type"], path, method)


def with_locations(template: Mapping[str, Any], uris: Mapping[str, str]) -> dict[str, Any]:
    """`uris` maps a logical id to `s3://bucket/key`. The argument is not changed."""
    resources = dict(template["Resources"])
    for logical_id, uri in uris.items():
        resource = resources[logical_id]
        name = PATH_PROPERTIES[resource["Type"]]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        is_definition = name == "DefinitionUri"
        location = {"Bucket": bucket, "Key": key} if is_definition else uri
        resources[logical_id] = {**resource, "Properties": {**resource["Properties"], name: location}}
    return {**template, "Resources": resources}
