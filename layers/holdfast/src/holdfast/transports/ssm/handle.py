"""What one look at a step passes on to the next: which command was sent last, and what its answer will mean."""

from typing import Literal

from pydantic import ValidationError

from holdfast.errors import PermanentError
from holdfast.models.base import StoredModel

# "key": the command asks for a key, or for the state of a step that was started already. "step": it starts or finds it.
Phase = Literal["key", "step"]


class Handle(StoredModel):
    """`sent` and `away_since` are seconds since 1970; `away_since` is 0 unless commands did not reach the node.
    `failures` counts commands in a row that the agent could not run."""

    phase: Phase
    command: str
    sent: int
    away_since: int = 0
    failures: int = 0

    def text(self) -> str:
        return self.model_dump_json(exclude_defaults=True)


def read_handle(text: str) -> Handle:
    try:
        return Handle.model_validate_json(text)
    except ValidationError as error:
        raise PermanentError("ssm_handle_unreadable", "the handle of the step is not one of SSM's") from error
