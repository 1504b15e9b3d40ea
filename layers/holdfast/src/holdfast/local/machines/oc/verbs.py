"""get, patch, delete, apply, create: each prints what oc does."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from holdfast.local.machines.apiserver.kinds import Kind
from holdfast.local.machines.jsonpath import TemplateError, printed
from holdfast.local.machines.oc.arguments import kind_of, subject
from holdfast.local.machines.oc.client import Api, Object
from holdfast.local.machines.oc.failures import OcError, RefusedError
from holdfast.local.machines.oc.printing import as_json, as_list, as_name, as_table

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_POLL_S = 0.1


def get(api: Api, options: argparse.Namespace) -> None:
    if options.raw:
        _print(api.raw(options.raw))
        return
    kind, names = subject(options.words[1:])
    namespace = _namespace(kind, options)
    if names and (options.selector or options.all_namespaces):
        raise OcError(
            "error: name cannot be provided when a selector is specified"
            if options.selector
            else "error: a resource cannot be retrieved by name across all namespaces"
        )
    form, _, template = options.output.partition("=")
    if form in ("", "wide"):
        _show(api, kind, namespace, names, options)
        return
    values, complaints = _found(api, kind, namespace, names, options)
    if form == "name":
        _print("".join(as_name(kind, each) for each in values))
    elif values or not names:
        whole = values[0] if len(names) == 1 else as_list(values)
        _print(as_json(whole) if form == "json" else _by_template(form, template, whole))
    _complain(complaints)


def _complain(about: list[OcError]) -> None:
    if about:
        raise OcError("\n".join(str(each) for each in about))


def _by_template(form: str, template: str, value: Object) -> str:
    if form != "jsonpath":
        raise OcError(
            f'error: unable to match a printer suitable for the output format "{form}", allowed formats are: '
            "json,jsonpath,name,wide"
        )
    try:
        return printed(template, value)
    except TemplateError as error:
        raise OcError(f"error: {error}") from error


def _found(
    api: Api, kind: Kind, namespace: str, names: list[str], options: argparse.Namespace
) -> tuple[list[Object], list[OcError]]:
    """Those that are there, and complaints about those that are not."""
    if not names:
        return api.items(kind, namespace, labels=options.selector, fields=options.field_selector), []
    values: list[Object] = []
    complaints: list[OcError] = []
    for name in names:
        try:
            values.append(api.get(kind, namespace, name))
        except RefusedError as error:
            complaints += _unless_ignored(error, options)
    return values, complaints


def _unless_ignored(error: RefusedError, options: argparse.Namespace) -> list[OcError]:
    return [] if error.reason == "NotFound" and options.ignore_not_found == "true" else [error]


def _show(api: Api, kind: Kind, namespace: str, names: list[str], options: argparse.Namespace) -> None:
    tables: list[dict[str, Any]] = []
    complaints: list[OcError] = []
    for name in names or [""]:
        try:
            tables += api.table(kind, namespace, name, labels=options.selector, fields=options.field_selector)
        except RefusedError as error:
            complaints += _unless_ignored(error, options)
    if not any(each.get("rows") for each in tables):
        if not names and not complaints and options.ignore_not_found != "true":
            sys.stderr.write(f"No resources found{f' in {namespace} namespace.' if namespace else ''}\n")
    else:
        everywhere = kind.namespaced and not namespace
        wide = options.output == "wide"
        _print(as_table(tables, wide=wide, namespaces=everywhere, headers=not options.no_headers))
    _complain(complaints)


def patch(api: Api, options: argparse.Namespace) -> None:
    kind, names = subject(options.words[1:])
    if options.type != "merge":
        raise OcError("error: this stand-in patches with --type=merge only")
    try:
        wanted = json.loads(options.patch)
    except ValueError as error:
        raise OcError(f'error: unable to parse "{options.patch}": {error}') from error
    for name in names:
        namespace = _namespace(kind, options)
        before = api.get(kind, namespace, name)
        after = api.patch(kind, namespace, name, wanted)
        same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        _print(f"{kind.called}/{name} patched{' (no change)' if same else ''}\n")


def delete(api: Api, options: argparse.Namespace) -> None:
    """Returns when they are gone: an object with finalizers stays until somebody took them away."""
    kind, names = subject(options.words[1:])
    namespace = _namespace(kind, options)
    if not names:
        if not (options.selector or options.all):
            raise OcError("error: resource(s) were provided, but no name was specified")
        names = [each["metadata"]["name"] for each in api.items(kind, namespace, labels=options.selector)]
        if not names:
            _print("No resources found\n")
    gone: list[tuple[str, Any]] = []
    complaints: list[OcError] = []
    for name in names:
        try:
            uid = api.get(kind, namespace, name)["metadata"].get("uid")
            api.delete(kind, namespace, name)
        except RefusedError as error:
            complaints += _unless_ignored(error, options)
            continue
        _print(f'{kind.called} "{name}" deleted\n')
        gone.append((name, uid))
    if options.wait == "true":
        _wait_until_gone(api, kind, namespace, gone, time.monotonic() + options.timeout)
    _complain(complaints)


def _wait_until_gone(api: Api, kind: Kind, namespace: str, gone: list[tuple[str, Any]], deadline: float) -> None:
    for name, uid in gone:
        while _uid(api, kind, namespace, name) == uid:
            if time.monotonic() > deadline:
                raise OcError(f"error: timed out waiting for the condition on {kind.plural}/{name}")
            time.sleep(_POLL_S)


def _uid(api: Api, kind: Kind, namespace: str, name: str) -> Any:
    try:
        return api.get(kind, namespace, name)["metadata"].get("uid")
    except RefusedError as error:
        if error.reason != "NotFound":
            raise
        return object()


def apply(api: Api, options: argparse.Namespace) -> None:
    """What was applied last time and is not there any more is removed; what others wrote stays."""
    for value in _given(options):
        kind, namespace = _kind_and_place(value, options)
        name = value["metadata"]["name"]
        noted = json.dumps(value, separators=(",", ":"), sort_keys=True) + "\n"
        metadata = value["metadata"]
        given = {**value, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), _APPLIED: noted}}}
        try:
            before = api.get(kind, namespace, name)
        except RefusedError as error:
            if error.reason != "NotFound":
                raise
            api.create(kind, namespace, given)
            _print(f"{kind.called}/{name} created\n")
            continue
        last = json.loads((before["metadata"].get("annotations") or {}).get(_APPLIED, "{}"))
        after = api.patch(kind, namespace, name, _removing(last, given))
        same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        _print(f"{kind.called}/{name} {'unchanged' if same else 'configured'}\n")


def _removing(last: Any, wanted: Any) -> Any:
    """`wanted` as a merge patch that also removes what only `last` has."""
    if not (isinstance(last, dict) and isinstance(wanted, dict)):
        return wanted
    patch = {name: _removing(last.get(name), each) for name, each in wanted.items()}
    return patch | {name: None for name in last if name not in wanted}


def create(api: Api, options: argparse.Namespace) -> None:
    for value in _given(options):
        kind, namespace = _kind_and_place(value, options)
        made = api.create(kind, namespace, value)
        _print(f"{kind.called}/{made['metadata']['name']} created\n")


def _given(options: argparse.Namespace) -> list[Object]:
    if not options.filename:
        raise OcError("error: must specify one of -f and -k")
    text = sys.stdin.read() if options.filename == "-" else Path(options.filename).read_text()
    try:
        value = dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise OcError(f"error: error parsing {options.filename}: this stand-in reads JSON: {error}") from error
    return list(value["items"]) if value.get("kind") == "List" else [value]


def _kind_and_place(value: Object, options: argparse.Namespace) -> tuple[Kind, str]:
    group, _, version = str(value.get("apiVersion", "")).rpartition("/")
    kind = kind_of(f"{value.get('kind', '')}.{version}.{group}" if group else str(value.get("kind", "")))
    own = value.get("metadata", {}).get("namespace", "")
    if options.namespace and own and own != options.namespace:
        raise OcError(
            f'error: the namespace from the provided object "{own}" does not match the namespace '
            f"\"{options.namespace}\". You must pass '--namespace={own}' to perform this operation."
        )
    return kind, (own or options.namespace or "default") if kind.namespaced else ""


def _namespace(kind: Kind, options: argparse.Namespace) -> str:
    return "" if not kind.namespaced or options.all_namespaces else options.namespace or "default"


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
