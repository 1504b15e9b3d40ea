"""The functions as the tests of this folder call them: with an event and services of the test's choice."""

import importlib.util
import inspect
import json
from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import BaseModel

from holdfast.engine.services import Services
from template.stack import ROOT

CLEAN_UP = {
    "clusters",
    "leases",
    "runs",
    "reader",
    "writer",
    "remover",
    "secrets_reader",
    "secrets_remover",
    "notifier",
}
TELLING = {"leases", "runs", "reader", "writer", "notifier"}
# Nothing is signed where there is no key: it asks for no setting.
OPTIONAL = {"signing"}
# Adapters that are built of credentials: they ask for no setting.
REACHING = {"clock", "etcd", "nodes", "postman"}
# What each function takes from `Services`, beside the clock, etcd and nodes; a test compares it with what they really
# ask for.
USES = {
    "start_backup": {"executions"},
    "backup_started": {"clusters", "leases", "runs", "reader", "writer", "credentials"},
    "backup_snapshot": {"clusters", "leases", "runs", "reader", "writer", "credentials", "grants"},
    "backup_secrets": {"clusters", "leases", "runs", "reader", "secrets_reader", "secrets_grants"},
    "backup_seal": {"leases", "runs", "reader", "writer", "signing"},
    "backup_verify": {"leases", "runs", "reader", "writer", "signing"},
    "backup_lock": {"leases", "runs", "reader", "secrets_reader", "locks", "secrets_locks"},
    "backup_retain": {"clusters", "leases", "runs", "reader", "remover", "secrets_reader", "secrets_remover"},
    "backup_finished": {"buckets", "clusters", "leases", "runs", "reader", "writer", "notifier"},
    "backup_failed": CLEAN_UP,
    "backup_stopped": CLEAN_UP,
    "notify_slack": {"credentials"},
    "notify_webhook": {"credentials"},
    "restore_started": {"buckets", "clusters", "leases", "runs", "reader", "writer", "grants", "signing"},
    "check_freshness": {"clusters", "copies", "freshness_notes", "reader", "notifier"},
    "restore_approval": {"runs", "reader", "notifier"},
    "restore_phase": {"clusters", "leases", "runs", "reader", "writer", "grants", "secrets_grants", "four_eyes"},
    "restore_report": TELLING | {"executions"},
    "restore_failed": {"clusters", "runs", "reader"},
    "restore_ended": TELLING,
    "restore_stopped": TELLING | {"clusters"},
}


class Watched:
    """`Services` that notes which of them were asked for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.asked.add(name)
        return getattr(self._services, name)


def handler_of(name: str) -> Callable[..., Any]:
    """The function's handler, from its file: the folders are no packages."""
    path = ROOT / "functions" / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[..., Any] = module.handler
    return handler


def event_type_of(name: str) -> type[BaseModel]:
    """The type that the undecorated handler names for its event."""
    work = inspect.unwrap(handler_of(name))
    event, _ = inspect.signature(work).parameters
    found = get_type_hints(work)[event]
    assert issubclass(found, BaseModel)
    return found  # type: ignore[no-any-return]


def sample(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return content


def invoke(name: str, event: dict[str, Any], services: Services) -> Any:
    """What the function does between its boundary's parsing and its boundary's answer."""
    return inspect.unwrap(handler_of(name))(event_type_of(name).model_validate(event), services)
