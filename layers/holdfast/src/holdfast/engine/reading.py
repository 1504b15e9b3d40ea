"""Objects that may not be there."""

from holdfast.errors import PermanentError
from holdfast.storage.base import ObjectReader


def read_if_there(reader: ObjectReader, key: str) -> bytes | None:
    """The object's bytes; None when there is no such object. Every other error is raised."""
    try:
        return reader.read(key)
    except PermanentError as error:
        if error.code != "object_not_found":
            raise
        return None
