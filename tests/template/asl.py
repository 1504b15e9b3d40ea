"""Checks of a state machine's definition (JSONPath) that no linter makes: `problems(definition)` lists what is wrong.

cfn-lint checks the schema only, and not at all under the SAM transform; AWS and LocalStack both accept a `Next` that
leads nowhere. Rules of the language: https://states-language.net/spec.html.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

type State = Mapping[str, Any]

_COMMON = frozenset({"Type", "Comment", "InputPath", "OutputPath"})
_FLOW = frozenset({"Next", "End"})
_SHAPE = frozenset({"Parameters", "ResultSelector", "ResultPath"})
_FIELDS: Mapping[str, frozenset[str]] = {
    "Task": _COMMON
    | _FLOW
    | _SHAPE
    | {"Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "Retry", "Catch"},
    "Pass": _COMMON | _FLOW | {"Result", "ResultPath", "Parameters"},
    "Choice": _COMMON | {"Choices", "Default"},
    "Wait": _COMMON | _FLOW | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": _COMMON,
    "Fail": frozenset({"Type", "Comment", "Error", "ErrorPath", "Cause", "CausePath"}),
    "Parallel": _COMMON | _FLOW | _SHAPE | {"Branches", "Retry", "Catch"},
    "Map": _COMMON
    | _FLOW
    | _SHAPE
    | {"ItemsPath", "ItemSelector", "ItemProcessor", "ItemReader", "MaxConcurrency", "Retry", "Catch"},
}
_ERROR_NAMES = frozenset(
    {
        "States.ALL",
        "States.DataLimitExceeded",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.Http.Socket",
        "States.IntrinsicFailure",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.ResultPathMatchFailure",
        "States.ResultWriterFailed",
        "States.Runtime",
        "States.TaskFailed",
        "States.Timeout",
    }
)
_STEP = r"(?:\.[A-Za-z_][\w-]*|\['[^']+'\]|\[\d+\])"
_REFERENCE = re.compile(rf"\${_STEP}*")
_PATH = re.compile(rf"\$\$?(?:{_STEP}|\[\*\]|\.\.[A-Za-z_]\w*)*")
_INTRINSIC = re.compile(r"States\.[A-Z]\w+\((.*)\)")


def problems(
    definition: State, *, names: frozenset[str] | None = None, uncaught: frozenset[str] = frozenset()
) -> list[str]:
    """Sentences, each naming its state. `names`, if given, are the only names that states may have; `uncaught` are the
    tasks whose errors are meant to end the execution: they must have no Catch, all others must have one."""
    found = [] if "TimeoutSeconds" in definition else ["the machine has no TimeoutSeconds"]
    found += _machine(definition, "the machine", uncaught)
    found += [f"{name}: does not exist, and is meant to have no Catch" for name in uncaught - {*_all_names(definition)}]
    if names is not None:
        found += [f"{name}: not one of the agreed names" for name in _all_names(definition) if name not in names]
    return found


def _machine(machine: State, where: str, uncaught: frozenset[str]) -> list[str]:
    states: Mapping[str, State] = machine.get("States", {})
    start = machine.get("StartAt", "")
    found = [] if start in states else [f"{where}: StartAt leads to {start!r}, which does not exist"]
    for name, state in states.items():
        found += [f"{name}: {text}" for text in _state(state, caught=name not in uncaught)]
        targets = list(_targets(state))
        found += [f"{name}: leads to {target!r}, which does not exist" for target in targets if target not in states]
        for inner in _inner(state):
            found += _machine(inner, name, uncaught)
    return found + _unreachable(start, states) + _endless(states)


def _all_names(machine: State) -> Iterator[str]:
    for name, state in machine.get("States", {}).items():
        yield name
        for inner in _inner(state):
            yield from _all_names(inner)


def _inner(state: State) -> Iterator[State]:
    yield from state.get("Branches", ())
    if "ItemProcessor" in state:
        yield state["ItemProcessor"]


def _targets(state: State) -> Iterator[str]:
    yield from (state[field] for field in ("Next", "Default") if field in state)
    yield from (rule["Next"] for field in ("Choices", "Catch") for rule in state.get(field, ()) if "Next" in rule)


def _unreachable(start: str, states: Mapping[str, State]) -> list[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in states and name not in seen:
            seen.add(name)
            waiting += _targets(states[name])
    return [f"{name}: cannot be reached" for name in states if name not in seen]


def _endless(states: Mapping[str, State]) -> list[str]:
    """States from which no path leads to an end."""
    ending = {name for name, state in states.items() if state.get("End") or state.get("Type") in ("Succeed", "Fail")}
    while more := {
        name for name, state in states.items() if name not in ending and not ending.isdisjoint(_targets(state))
    }:
        ending |= more
    return [f"{name}: no way out leads to an end" for name in states if name not in ending]


def _state(state: State, *, caught: bool) -> Iterator[str]:
    kind = state.get("Type", "")
    if kind not in _FIELDS:
        yield f"unknown Type {kind!r}"
        return
    yield from (f"{kind} has no field {field!r}" for field in state if field not in _FIELDS[kind])
    if "Next" in _FIELDS[kind] and ("Next" in state) == bool(state.get("End")):
        yield "needs exactly one of Next and End"
    if "Comment" not in state:
        yield "has no Comment that says what it does"
    yield from _errors_handled(state, kind, caught=caught)
    yield from _paths(state)


def _errors_handled(state: State, kind: str, *, caught: bool) -> Iterator[str]:
    if kind == "Task":
        if not {"TimeoutSeconds", "TimeoutSecondsPath"} & set(state):
            token = " although it waits for a token" if state["Resource"].endswith(".waitForTaskToken") else ""
            yield f"has no TimeoutSeconds{token}"
        yield from (f"has no {field}" for field in ("Retry", *(["Catch"] if caught else [])) if not state.get(field))
        if not caught and state.get("Catch"):
            yield "has a Catch, and its errors are meant to end the execution"
        if state.get("Catch") and "States.ALL" not in state["Catch"][-1]["ErrorEquals"]:
            yield "its last Catch is not for States.ALL, so an unforeseen error ends the execution at once"
    for field in ("Retry", "Catch"):
        yield from _error_names(field, state.get(field, ()))


def _error_names(field: str, rules: Any) -> Iterator[str]:
    for number, rule in enumerate(rules, start=1):
        equals = rule.get("ErrorEquals", [])
        yield from (
            f"{field} names {name!r}, which Step Functions does not know"
            for name in equals
            if name.startswith("States.") and name not in _ERROR_NAMES
        )
        if not equals:
            yield f"{field} {number} has no ErrorEquals"
        if "States.ALL" in equals and (len(equals) > 1 or number < len(rules)):
            yield f"{field}: States.ALL must stand alone and last"
        if field == "Retry" and not 1 <= rule.get("MaxAttempts", 3) <= 10:
            yield f"Retry {number} tries {rule.get('MaxAttempts')} times"


def _paths(state: State) -> Iterator[str]:
    for field in ("InputPath", "OutputPath", "ItemsPath"):
        if state.get(field) is not None and not _PATH.fullmatch(state[field]):
            yield f"{field} is no path: {state[field]!r}"
    for holder in (state, *state.get("Catch", ())):
        if holder.get("ResultPath") is not None and not _REFERENCE.fullmatch(holder["ResultPath"]):
            yield f"ResultPath is no reference path: {holder['ResultPath']!r}"
    for field in ("ErrorPath", "CausePath"):
        if field in state and not _is_expression(state[field]):
            yield f"{field} is no path: {state[field]!r}"
    for field in ("Parameters", "ResultSelector", "ItemSelector"):
        yield from (f"{field}: {text}" for text in _template(state.get(field), field))


def _template(value: Any, key: str) -> Iterator[str]:
    """A payload template: a key that ends in `.$` has a path, and no other key has something that looks like one."""
    if isinstance(value, Mapping):
        for each, below in value.items():
            yield from _template(below, each)
    elif isinstance(value, list):
        for below in value:
            yield from _template(below, key.removesuffix(".$"))
    elif key.endswith(".$"):
        if not isinstance(value, str) or not _is_expression(value):
            yield f"{key} is no path: {value!r}"
    elif isinstance(value, str) and re.match(r"\$\$?\.|States\.\w+\(", value):
        yield f"{key} looks like a path, but its name does not end in .$: {value!r}"


def _is_expression(text: str) -> bool:
    call = _INTRINSIC.fullmatch(text)
    if call is None:
        return bool(_PATH.fullmatch(text))
    outside_quotes = re.sub(r"'(?:[^'\\]|\\.)*'", "", call[1])
    balanced = outside_quotes.count("(") == outside_quotes.count(")") and "'" not in outside_quotes
    return balanced and all(_PATH.fullmatch(path) for path in re.findall(r"\$[^,()\s]*", outside_quotes))
