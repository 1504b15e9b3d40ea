"""What every model shares: frozen values, unknown fields refused, and the identifiers that go into keys and names."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """A frozen value; an unknown field is an error, so that a typo in a file never passes silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class StoredModel(Model):
    """A value that a newer Holdfast may have written: fields this one does not know are kept out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None or moment.utcoffset().total_seconds() != 0:  # type: ignore[union-attr]
        raise ValueError("must be in UTC")
    return moment


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc)]

# A cluster id becomes part of S3 keys, schedule names and execution names (at most 80 characters with the backup id).
ClusterId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$")]
BackupId = Annotated[str, StringConstraints(pattern=r"^\d{8}T\d{6}Z-[rm]-[0-9a-f]{6}$")]
RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
