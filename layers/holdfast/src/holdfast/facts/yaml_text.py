"""YAML of a node's files, as text: no type is guessed, and nothing in it can grow by references to itself."""

from typing import Any

import yaml

from holdfast.facts.unreadable import unreadable

LARGEST_CHARACTERS = 65_536


class _TextLoader(yaml.SafeLoader):
    """Every scalar is its text, and an alias is an error: a few hundred bytes of them unpack to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


_TextLoader.yaml_implicit_resolvers = {}


def read_yaml(what: str, text: str) -> dict[str, Any]:
    """The mapping that a YAML or JSON text holds, its scalars as text; PermanentError `node_output_unreadable`."""
    if len(text) > LARGEST_CHARACTERS:
        raise unreadable(what, f"it has more than {LARGEST_CHARACTERS} characters")
    try:
        found = _loaded(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, AttributeError, KeyError):
        raise unreadable(what, "it is no YAML of a single document without aliases") from None
    if not isinstance(found, dict):
        raise unreadable(what, "it is no mapping")
    return found


def _loaded(text: str) -> Any:
    loader = _TextLoader(text)  # raises as well: characters that YAML does not have
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def mapping(value: Any) -> dict[str, Any]:
    """`value` where it is a mapping, else an empty one: what is missing and what is off look alike to a reader."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""
