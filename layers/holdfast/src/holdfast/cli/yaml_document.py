"""One YAML document as plain values, with the line and column that each of them came from.

The subset is small on purpose: mappings, lists, texts, whole numbers, true, false and null. Anchors, tags and merge
keys are refused, dates and floats stay texts: so a file means what it looks like, and cannot grow when it is read.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

LARGEST = 64 * 1024
_DEEPEST = 20
_QUOTE_STAR = 'put a text with * in quotes: "*/15 * * * *"'
# Tag, the whole text, and the characters that it may start with ("" is the empty text).
_TYPES = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9][0-9]{0,17})$", list("-0123456789")),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
)


@dataclass(frozen=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


class YamlError(Exception):
    """What is wrong with the text as YAML, and where. The text itself is not quoted: it may hold a pasted secret."""

    def __init__(self, place: Place, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.place = place
        self.what = what
        self.hint = hint


class Document:
    """The values of a document, and the place of each by its path, as pydantic writes paths."""

    def __init__(self, value: Any, root: yaml.Node) -> None:
        self.value = value
        self._root = root

    def place(self, path: tuple[int | str, ...], *, of_key: bool = False) -> Place:
        """The place of the value at `path`; of the nearest value around it where the path leads out of the document.

        Parts that name no key (pydantic adds the name of a union's branch) are passed over. With `of_key` it is the
        place of the last key instead of its value.
        """
        node, place = self._root, _start(self._root)
        for part in path:
            entry = _entry(node, part)
            if entry is None:
                continue
            key, node = entry
            place = _start(key if of_key else node)
        return place


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the implicit types of `_TYPES` only."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _starts in _TYPES:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _starts)


def read_document(text: str) -> Document:
    """The one document of the text, or YamlError."""
    try:
        _check_shape(text)
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise YamlError(Place(1, 1), "the file is empty")
        _check_keys(root)
        return Document(loader.construct_document(root), root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark)
        hint = _QUOTE_STAR if error.context == "while scanning an alias" else ""
        raise YamlError(place, f"is no YAML: {error.problem or error.context}", hint) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(Place(line, 1), "holds a character that YAML does not allow") from None


def _check_shape(text: str) -> None:
    """Before anything is built: depth, anchors, tags, and that there is one document. Events come one by one."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        place = _place(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlError(place, "holds a second document", "one file describes one cluster")
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise YamlError(place, f"is nested more than {_DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise YamlError(place, "anchors and aliases (& and *) are not supported", _QUOTE_STAR)
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            raise YamlError(place, "tags (!) are not supported", "put a text that starts with ! in quotes")


def _check_keys(node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check_keys(each)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, Place] = {}
    for key, value in node.value:
        place = _start(key)
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(place, "a field's name must be a word")
        if key.value == "<<":
            raise YamlError(place, "merge keys (<<) are not supported")
        if key.value in seen:
            raise YamlError(place, f"{key.value!r} is there twice, first on line {seen[key.value].line}")
        seen[key.value] = place
        # A name is a text also when it looks like a number.
        key.tag = "tag:yaml.org,2002:str"
        _check_keys(value)


def _entry(node: yaml.Node, part: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    """(key, value) of a part of a path; in a list both are the element."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _start(node: yaml.Node) -> Place:
    return _place(node.start_mark)


def _place(mark: Any) -> Place:
    """A mark of PyYAML, which counts from 0; where it has none, the start of the file."""
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
