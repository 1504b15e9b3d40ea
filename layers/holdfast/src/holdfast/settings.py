"""What the environment of a function, or the outputs of the stack, tell Holdfast. Read once; a missing one is named."""

import json
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError

from holdfast.errors import InvalidInputError
from holdfast.models.base import Model
from holdfast.models.storage import StorageSpec

PREFIX = "HOLDFAST_"


def _from_json(value: object) -> object:
    """The one setting that is no word: `storage` is JSON, as the template's parameter has it."""
    return json.loads(value or "{}") if isinstance(value, str) else value


class Settings(Model):
    """Every field is `HOLDFAST_<FIELD>` in a function's environment and an output `<Field in CamelCase>` of the
    stack."""

    snapshots_bucket: str = ""
    secrets_bucket: str = ""
    table: str = ""
    state_machine_arn: str = ""
    restore_machine_arn: str = ""
    topic_arn: str = ""
    event_bus: str = "default"
    schedule_group: str = ""
    schedule_role_arn: str = ""
    start_function_arn: str = ""
    signing_key_arn: str = ""
    copy_bucket: str = ""
    copy_region: str = ""
    trusted_keys: str = ""
    storage: Annotated[StorageSpec, BeforeValidator(_from_json)] = StorageSpec()
    stack_name: str = "holdfast"
    four_eyes: Literal["yes", "no"] = "no"
    notify_secret: str = ""
    work_dir: str = Field(default="/tmp")  # noqa: S108 - the one writable place of a Lambda function

    def require(self, field: str) -> str:
        """The value of a field, or InvalidInputError `setting_missing` that names it."""
        value = str(getattr(self, field))
        if not value:
            raise InvalidInputError(
                "setting_missing",
                f"{PREFIX}{field.upper()} is not set",
                hint="template.yaml sets it where it is needed; the command line reads the stack's outputs",
            )
        return value

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        names = {f"{PREFIX}{field.upper()}": field for field in cls.model_fields}
        return cls._checked({names[key]: value for key, value in environment.items() if key in names})

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, str]) -> Self:
        names = {"".join(part.capitalize() for part in field.split("_")): field for field in cls.model_fields}
        return cls._checked({names[key]: value for key, value in outputs.items() if key in names})

    @classmethod
    def _checked(cls, values: dict[str, str]) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise InvalidInputError("setting_invalid", f"{field}: {first['msg']}") from error
