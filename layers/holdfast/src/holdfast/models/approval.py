"""The question whether a plan may be carried out, and a person's answer. Both are bound to the plan by its digest."""

from typing import Annotated

from pydantic import Field, StringConstraints

from holdfast.models.base import ClusterId, Sha256Hex, StoredModel, Utc
from holdfast.models.words import Words

TaskToken = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class Question(StoredModel):
    """An approval that is waited for. Whoever has the token can answer, so it is shown to nobody."""

    token: TaskToken = Field(repr=False)
    digest: Sha256Hex
    asked_at: Utc
    expires_at: Utc


class Approval(StoredModel):
    """What a person answered; `digest` is the plan's that was shown, `cluster` the id as it was typed."""

    cluster: ClusterId
    digest: Sha256Hex
    approved_by: Words
    approved_at: Utc
