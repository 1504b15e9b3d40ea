"""The one error of every parser."""

from typing import Any

from pydantic import BaseModel, ValidationError

from holdfast.errors import PermanentError


def unreadable(what: str, why: str) -> PermanentError:
    """`what` names the file or the command, `why` what is off. Neither holds the text itself, which may be anything."""
    return PermanentError(
        "node_output_unreadable",
        f"{what}: {why}",
        hint="Run the same command on the node by hand, as root, and look at what it prints.",
    )


def checked[M: BaseModel](what: str, model: type[M], **fields: Any) -> M:
    """A model of what was read; PermanentError `node_output_unreadable` names the fields that do not fit."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        named = sorted({".".join(str(part) for part in each["loc"]) for each in error.errors()})
        raise unreadable(what, f"{model.__name__} cannot have this {', '.join(named)[:200]}") from None
