"""What an API server refuses, as the Status that it answers."""

from http import HTTPStatus
from typing import Any

from holdfast.local.machines.apiserver.kinds import Kind


class RefusedError(Exception):
    def __init__(self, status: HTTPStatus, reason: str, message: str, kind: Kind | None = None, name: str = "") -> None:
        super().__init__(message)
        self.status, self.reason = status, reason
        self.details = {"name": name, "group": kind.group, "kind": kind.plural} if kind else {}

    def body(self) -> dict[str, Any]:
        return status_of(int(self.status), self.reason, str(self), self.details)


class NoSuchPathError(Exception):
    """There is nothing of the API at that path."""


def status_of(code: int, reason: str, message: str, details: dict[str, str] | None = None) -> dict[str, Any]:
    said = {"status": "Failure", "message": message, "reason": reason, "details": details or {}, "code": code}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **said}


def not_found(kind: Kind, name: str) -> RefusedError:
    return RefusedError(HTTPStatus.NOT_FOUND, "NotFound", f'{kind.resource} "{name}" not found', kind, name)


def already_there(kind: Kind, name: str) -> RefusedError:
    message = f'{kind.resource} "{name}" already exists'
    return RefusedError(HTTPStatus.CONFLICT, "AlreadyExists", message, kind, name)


def conflict(kind: Kind, name: str) -> RefusedError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return RefusedError(HTTPStatus.CONFLICT, "Conflict", message, kind, name)


def invalid(kind: Kind, name: str, why: str) -> RefusedError:
    called = f"{kind.name}.{kind.group}" if kind.group else kind.name
    message = f'{called} "{name}" is invalid: {why}'
    return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, kind, name)


def bad(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "BadRequest", message)
