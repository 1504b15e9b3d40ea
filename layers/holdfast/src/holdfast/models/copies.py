"""What is known of a backup's copy in another region or account."""

from typing import Literal

from holdfast.models.base import Model

# none: the installation keeps no copies. there: the copy has what the manifest tells. pending: S3 says that it is on
# its way. missing: it is not there, and not on its way. differs: it is there with something else.
# unknown: nobody could look.
CopyKind = Literal["none", "there", "pending", "missing", "differs", "unknown"]


class CopyState(Model):
    """`reason` is a sentence without a full stop. `compared`: the stores' checksums of the snapshot could be compared,
    not only the sizes."""

    kind: CopyKind
    reason: str
    compared: bool = False
