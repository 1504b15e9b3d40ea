"""kubectl's templates for -o jsonpath=, as far as people use them: text, {"\\n"}, paths, ranges.

A path has fields (`.a`, `['a']`, `.a\\.b`), `[*]`, `.*`, `..a`, `[n]`, `[n:m]`, `[0,2]`, filters like `[?(@.a=="X")]`
and begins at the root ($), or in a range at its element (@, or nothing). A field that is missing is nothing, an index
that is missing is an error: so kubectl (seen: 1.20) has it. Several values are printed with a space between them, maps
and lists as JSON.
"""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

type Step = Callable[[list[Any]], list[Any]]

_FILTER = re.compile(r"([^!<>=]+)([!<>=]+)(.+)")
_SLICE = re.compile(r"(-?\d*)(?::(-?\d*))?(?::(-?\d*))?")
_FIELD = re.compile(r"(?:\\.|[^\\\s.,\[\]$@{}])+")
_WORDS = {"true": True, "false": False}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    ">": lambda left, right: bool(left > right),
    "<=": lambda left, right: bool(left <= right),
    ">=": lambda left, right: bool(left >= right),
}


class TemplateError(Exception):
    """The template is none, or what it asks for is not there. The words are kubectl's."""


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Path:
    steps: tuple[Step, ...]
    from_root: bool = False

    def of(self, root: Any, here: Any) -> list[Any]:
        found = [root if self.from_root else here]
        for step in self.steps:
            found = step(found)
        return found


@dataclass(frozen=True)
class Range:
    path: Path


@dataclass(frozen=True)
class End:
    pass


@dataclass(frozen=True)
class Unknown:
    word: str


type Node = Text | Path | Range | End | Unknown


def printed(template: str, value: Any) -> str:
    """TemplateError for what kubectl refuses."""
    try:
        nodes = parsed(template)
    except TemplateError as error:
        raise TemplateError(f"error parsing jsonpath {template}, {error}") from None
    try:
        return _run(nodes, value, value)
    except TemplateError as error:
        message = f"error executing jsonpath {json.dumps(template)}: Error executing template: {error}. "
        message += f"Printing more information for debugging the template:\n\ttemplate was:\n\t\t{template}"
        raise TemplateError(message) from None


def parsed(template: str) -> list[Node]:
    nodes: list[Node] = []
    at = 0
    while at < len(template):
        if template[at] == "{":
            found, at = _action(template, at + 1)
            nodes += found
        else:
            end = template.find("{", at)
            end = len(template) if end < 0 else end
            nodes.append(Text(template[at:end]))
            at = end
    return nodes


def _run(nodes: list[Node], root: Any, here: Any) -> str:
    """A range that nobody ends runs to the end for each of its elements, and then once more for what is around it."""
    parts = []
    at = 0
    while at < len(nodes):
        match nodes[at]:
            case Text(text):
                parts.append(text)
            case Path() as path:
                parts.append(" ".join(shown(each) for each in path.of(root, here)))
            case End():
                raise TemplateError("not in range, nothing to end")
            case Unknown(word):
                raise TemplateError(f"unrecognized identifier {word}")
            case Range(path):
                end = _end(nodes, at + 1)
                parts += [_run(nodes[at + 1 : end], root, each) for each in path.of(root, here)]
                at = at if end is None else end
        at += 1
    return "".join(parts)


def _end(nodes: list[Node], at: int) -> int | None:
    depth = 1
    for number, node in enumerate(nodes[at:], at):
        depth += isinstance(node, Range) - isinstance(node, End)
        if depth == 0:
            return number
    return None


def shown(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict() | list():
            text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        case _:
            return str(value)


def _action(text: str, at: int) -> tuple[list[Node], int]:
    """What stands in one pair of braces, and where the text goes on after it."""
    found: list[Node] = []
    steps: list[Step] = []
    from_root = ranged = any_path = False
    while True:
        if at >= len(text):
            raise TemplateError("unclosed action")
        char = text[at]
        if char == "}":
            break
        if char.isspace():
            at += 1
        elif char in "\"'":
            literal, at = _quoted(text, at)
            found.append(Text(literal))
        elif char in "$@":
            from_root, any_path, at = from_root or char == "$", True, at + 1
        elif text.startswith("..", at):
            steps.append(_deep)
            any_path, at = True, at + (1 if text[at + 2 : at + 3] not in ("[", "") else 2)
        elif char == ".":
            step, at = _field(text, at + 1)
            steps.append(step)
            any_path = True
        elif char == "[":
            step, at = _brackets(text, at)
            steps.append(step)
            any_path = True
        else:
            word = _FIELD.match(text, at)
            name = word.group() if word else char
            at += len(name)
            if name == "range":
                ranged = True
            elif name == "end":
                found.append(End())
            elif name in _WORDS or re.fullmatch(r"-?\d+(\.\d+)?", name):
                found.append(Text(name))
            else:
                found.append(Unknown(name))
    path = Path(tuple(steps), from_root)
    if ranged:
        found.append(Range(path))
    elif any_path:
        found.append(path)
    return found, at + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    match = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'").match(text, at)
    if match is None:
        raise TemplateError("unterminated quoted string")
    return str(ast.literal_eval(match.group())), match.end()


def _field(text: str, at: int) -> tuple[Step, int]:
    match = _FIELD.match(text, at)
    if match is None:  # "." alone is where one is
        return (lambda found: found), at
    name = re.sub(r"\\(.)", r"\1", match.group())
    return (_every if name == "*" else _named(name)), match.end()


def _brackets(text: str, at: int) -> tuple[Step, int]:
    if text.startswith("[?(", at):
        end = text.find(")]", at)
        if end < 0:
            raise TemplateError("unterminated filter")
        return _filter(text[at + 3 : end]), end + 2
    end = text.find("]", at)
    if end < 0:
        raise TemplateError("unterminated array")
    inside = [each.strip() for each in text[at + 1 : end].split(",")]
    steps = [_one_of(each) for each in inside]
    return (lambda found: [value for step in steps for value in step(found)]), end + 1


def _one_of(inside: str) -> Step:
    if inside == "*":
        return _every
    if len(inside) > 1 and inside[0] == inside[-1] == "'":
        return _named(inside[1:-1])
    match = _SLICE.fullmatch(inside)
    if not inside or match is None:
        raise TemplateError(f"invalid array index {inside}")
    first, until, by = match.groups()
    return _sliced(int(first or 0), until, int(by or 1))


def _named(name: str) -> Step:
    return lambda found: [each[name] for each in found if isinstance(each, dict) and name in each]


def _sliced(first: int, until: str | None, by: int) -> Step:
    def take(found: list[Any]) -> list[Any]:
        taken: list[Any] = []
        for each in found:
            if each is None:
                continue
            if not isinstance(each, list):
                raise TemplateError(f"{_go_type(each)} is not array or slice")
            begin = first + len(each) if first < 0 else first
            if until is None and not 0 <= begin < len(each):
                raise TemplateError(f"array index out of bounds: index {begin}, length {len(each)}")
            end = begin + 1 if until is None else int(until) if until else len(each)
            taken += each[begin : end + len(each) if end < 0 else end : by]
        return taken

    return take


def _filter(inside: str) -> Step:
    match = _FILTER.fullmatch(inside)
    left = _side(match.group(1) if match else inside)
    if match is None:
        return _filtered(lambda each: bool(left(each)))
    operator, right = match.group(2), _side(match.group(3))
    if operator not in _COMPARED:
        raise TemplateError(f"unrecognized filter operator {operator}")

    def wanted(each: Any) -> bool:
        one, other = left(each), right(each)
        if max(len(one), len(other)) > 1:
            raise TemplateError("can only compare one element at a time")
        if not one or not other:
            return False
        if type(one[0]) is not type(other[0]) and operator in ("==", "!="):
            raise TemplateError("incompatible types for comparison")
        return _COMPARED[operator](one[0], other[0])

    return _filtered(wanted)


def _side(text: str) -> Callable[[Any], list[Any]]:
    text = text.strip()
    if text in _WORDS:
        return lambda _: [_WORDS[text]]
    if re.fullmatch(r"-?\d+", text):
        return lambda _: [int(text)]
    (node,) = parsed(f"{{{text}}}")
    match node:
        case Text(literal):
            return lambda _: [literal]
        case Path() as path:
            return lambda each: path.of(each, each)
    raise TemplateError(f"unrecognized filter {text}")


def _filtered(wanted: Callable[[Any], bool]) -> Step:
    def take(found: list[Any]) -> list[Any]:
        for each in found:
            if each is not None and not isinstance(each, list):
                raise TemplateError(f"{_go_type(each)} is not array or slice and cannot be filtered")
        return [value for each in found if each is not None for value in each if wanted(value)]

    return take


def _every(found: list[Any]) -> list[Any]:
    """Kubernetes' own order of a map is by chance; ours is the one in which it came."""
    taken: list[Any] = []
    for each in found:
        taken += each if isinstance(each, list) else list(each.values()) if isinstance(each, dict) else []
    return taken


def _deep(found: list[Any]) -> list[Any]:
    taken: list[Any] = []
    for each in found:
        taken.append(each)
        taken += _deep(_every([each]))
    return taken


def _go_type(value: Any) -> str:
    return {dict: "map[string]interface {}", str: "string", bool: "bool", int: "int64"}.get(type(value), "float64")
