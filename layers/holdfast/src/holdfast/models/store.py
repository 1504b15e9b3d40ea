"""What a look at a store found: the facts that planning/store_findings.py judges."""

from typing import Literal

from holdfast.models.base import Model
from holdfast.models.run import ErrorInfo
from holdfast.models.storage import Side

Known = Literal["on", "off", "unknown"]


class StoreFacts(Model):
    """One bucket, as whoever checks it sees it. `error` is why nothing else could be asked.

    `listing`, `writing`, `uploading` and `reading` are the errors of trying, None when it worked; `tried` says whether
    there was something to write. `denied` names the questions that the caller may not ask. `left` are probes that could
    not be removed. `clock_off_s` is this machine's time minus the store's, as its answers tell it.
    """

    side: Side
    bucket: str
    region: str = ""
    bucket_region: str = ""
    error: ErrorInfo | None = None
    clock_off_s: float | None = None
    denied: tuple[str, ...] = ()
    listing: ErrorInfo | None = None
    tried: bool = False
    writing: ErrorInfo | None = None
    uploading: ErrorInfo | None = None
    reading: ErrorInfo | None = None
    same_bytes: bool = True
    left: tuple[str, ...] = ()
    checksums: Known = "unknown"
    conditions: Literal["honoured", "ignored", "refused", "unknown"] = "unknown"
    versioning: Known = "unknown"
    object_lock: Known = "unknown"
    default_lock: str = ""
    encryption: str | None = None
    key: str = ""
    key_state: str = ""
    public: bool = False
    public_blocked: Known = "unknown"
