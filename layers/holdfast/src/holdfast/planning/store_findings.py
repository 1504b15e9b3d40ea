"""What a look at a store means for backups: findings with the line to set. Pure."""

from collections.abc import Iterator

from holdfast.models.plan import Finding
from holdfast.models.run import ErrorInfo
from holdfast.models.storage import StorageSpec
from holdfast.models.store import StoreFacts

# S3 refuses what is signed 15 minutes off; a clock that is a minute off today is on its way there.
CLOCK_WARN_S, CLOCK_REFUSE_S = 60.0, 900.0
_PAGE = "docs/reference/storage.md"


def store_findings(spec: StorageSpec, facts: StoreFacts, *, locks: bool = False) -> tuple[Finding, ...]:
    """`locks`: the cluster's backups are to be locked. In the order refuse, warn, info.

    Where the spec names a role or keys, a check sees what the functions see. Else it is made with a person's rights,
    and what these do not allow says nothing about the functions.
    """
    if facts.error is not None:
        return (_told(facts, facts.error, "refuse"),)
    checks = (_region, _clock, _tried, _bytes, _checksums, _conditions, _locks, _keeping, _encryption, _public, _left)
    found = [finding for check in checks for finding in check(spec, facts)]
    if locks:
        found += _needed_locks(facts)
    order = ("refuse", "warn", "info")
    return tuple(sorted(found, key=lambda finding: order.index(finding.level))) or (_works(facts),)


def _told(facts: StoreFacts, error: ErrorInfo, level: str) -> Finding:
    return Finding.model_validate(
        {"level": level, "code": error.code, "text": f"{facts.side}: {error.message}", "hint": error.hint}
    )


def _works(facts: StoreFacts) -> Finding:
    text = f"{_where(facts)}: a probe was written, read back and removed"
    return Finding(level="info", code="store_works", text=text)


def _where(facts: StoreFacts) -> str:
    return f"{facts.side} in {facts.bucket}"


def _region(spec: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if facts.bucket_region and facts.region and facts.bucket_region != facts.region:
        yield Finding(
            # Our own requests are led on; curl on a node is not, as a redirect does not fit what was signed.
            level="warn" if spec.endpoint else "refuse",
            code="store_region_differs",
            text=f"{_where(facts)} is in {facts.bucket_region}, and requests are signed for {facts.region}; "
            "nodes cannot send there",
            hint=f"set storage: region: {facts.bucket_region}",
        )


def _clock(_: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    off = facts.clock_off_s
    if off is not None and abs(off) > CLOCK_WARN_S:
        yield Finding(
            level="refuse" if abs(off) > CLOCK_REFUSE_S else "warn",
            code="store_clock_off",
            text=f"{_where(facts)}: this machine's clock is {off:+.0f} s off the store's",
            hint="set the clock (NTP): stores refuse what is signed 15 minutes off",
        )


def _tried(spec: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    """Errors of trying. Denied to a person is no error of the store."""
    own_identity = spec.role is not None or spec.credentials is not None
    tries = {"list": facts.listing, "write": facts.writing, "upload": facts.uploading, "read": facts.reading}
    untold = list(facts.denied)
    for what, error in tries.items():
        if error is None:
            continue
        if error.code == "storage_access_denied" and not own_identity:
            untold.append(what)
        else:
            yield _told(facts, error, "refuse")
    if not facts.tried and facts.default_lock:
        untold.append("write (the bucket would lock the probe)")
    if untold:
        yield Finding(
            level="info",
            code="store_not_tried",
            text=f"{_where(facts)}: not allowed to whoever checks, or not tried: {', '.join(dict.fromkeys(untold))}",
            hint="" if own_identity else "The functions have roles of their own; a backup shows whether these suffice.",
        )


def _bytes(_: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if not facts.same_bytes:
        yield Finding(
            level="refuse",
            code="store_changes_bytes",
            text=f"{_where(facts)}: a probe was read back with other bytes than were written",
            hint="something between here and the store rewrites objects: look at proxies and gateways",
        )


def _checksums(spec: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if spec.checksums == "sha256" and facts.checksums == "off":
        yield Finding(
            level="refuse",
            code="store_checksums_missing",
            text=f"{_where(facts)} knows no SHA-256 checksums",
            hint="set storage: checksums: none; MD5 sums, sizes and the read-back stay",
        )
    if spec.checksums == "none" and facts.checksums == "on":
        yield Finding(
            level="info",
            code="store_checksums_unused",
            text=f"{_where(facts)} knows SHA-256 checksums, and they are not asked for",
            hint="set storage: checksums: sha256",
        )


def _conditions(spec: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if spec.conditional_puts and facts.conditions in ("ignored", "refused"):
        ignored = facts.conditions == "ignored"
        yield Finding(
            level="warn" if ignored else "refuse",
            code="store_conditions_ignored" if ignored else "store_conditions_refused",
            text=f"{_where(facts)} {'ignores' if ignored else 'refuses'} If-None-Match"
            + (": a manifest could be written over without a word" if ignored else ": no manifest could be put"),
            hint="set storage: conditional_puts: false; it is then looked for what is there before a manifest is put",
        )
    if not spec.conditional_puts and facts.conditions == "honoured":
        yield Finding(
            level="info",
            code="store_conditions_unused",
            text=f"{_where(facts)} honours If-None-Match, and it is not used",
            hint="set storage: conditional_puts: true",
        )


def _locks(spec: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if spec.object_lock and facts.object_lock == "off":
        yield Finding(
            level="info",
            code="store_lock_off",
            text=f"{_where(facts)} has no Object Lock: whoever may delete there may delete backups",
            hint="Object Lock is switched on when a bucket is made; storage: object_lock: false where it is not wanted",
        )
    if facts.default_lock:
        yield Finding(
            level="warn",
            code="store_lock_default",
            text=f"{_where(facts)} locks every object by itself ({facts.default_lock}), leftovers too",
            hint="take the default retention off the bucket; Holdfast locks what is worth it",
        )


def _needed_locks(facts: StoreFacts) -> Iterator[Finding]:
    if facts.object_lock == "off":
        yield Finding(
            level="refuse",
            code="store_lock_missing",
            text=f"{_where(facts)} has no Object Lock, and the cluster's file asks for it",
            hint="Object Lock is switched on when a bucket is made: make another one, or take lock out of the file",
        )


def _keeping(_: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if facts.versioning == "off":
        yield Finding(
            level="warn",
            code="store_versioning_off",
            text=f"{_where(facts)} keeps no versions: what is deleted or written over by mistake is gone",
            hint="switch versioning on for the bucket, with a lifecycle rule that expires old versions",
        )


def _encryption(spec: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if spec.encryption.kind == "bucket" and facts.encryption == "":
        yield Finding(
            level="warn",
            code="store_encryption_none",
            text=f"{_where(facts)} encrypts nothing by default, and puts name no encryption",
            hint=f"set a default encryption on the bucket, or storage: encryption ({_PAGE})",
        )
    if facts.key_state not in ("", "Enabled"):
        yield Finding(
            level="refuse",
            code="store_key_unusable",
            text=f"{_where(facts)}: the key {facts.key} is {facts.key_state}: what it encrypted cannot be read",
            hint="enable the key, or cancel its deletion, before anything else: backups that need it are lost with it",
        )


def _public(spec: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    if facts.public:
        yield Finding(
            level="refuse",
            code="store_public",
            text=f"{_where(facts)} is public by its policy",
            hint="take the statement that allows everybody out of the bucket's policy: a snapshot holds every Secret",
        )
    elif facts.public_blocked == "off" and spec.endpoint is None:
        yield Finding(
            level="warn",
            code="store_public_possible",
            text=f"{_where(facts)} does not block public access",
            hint="switch all four settings of its public access block on",
        )


def _left(_: StorageSpec, facts: StoreFacts) -> Iterator[Finding]:
    for key in facts.left:
        yield Finding(
            level="info",
            code="store_probe_left",
            text=f"{_where(facts)}: the probe {key} could not be removed with all its versions",
            hint="remove it by hand; it holds no secret",
        )
