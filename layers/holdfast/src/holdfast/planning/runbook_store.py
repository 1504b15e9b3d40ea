"""What a person's terminal needs before `aws` reaches a store that is not AWS's own: part of a runbook."""

import shlex
from collections.abc import Iterator

from holdfast.models.storage import StorageSpec


def store_lines(spec: StorageSpec) -> tuple[str, ...]:
    """Lines of shell; none where `aws` finds the bucket by itself."""
    return tuple(_lines(spec))


def _lines(spec: StorageSpec) -> Iterator[str]:
    if spec.endpoint:
        yield f"export AWS_ENDPOINT_URL_S3={shlex.quote(spec.endpoint)}"
    if spec.region:
        yield f"export AWS_DEFAULT_REGION={shlex.quote(spec.region)}"
    if spec.proxy:
        yield f"export HTTPS_PROXY={shlex.quote(spec.proxy)}"
    if spec.checksums == "none":
        # The names of the AWS CLI's own settings; else it asks the store for checksums that it does not know.
        yield "export AWS_REQUEST_CHECKSUM_CALCULATION=when_required AWS_RESPONSE_CHECKSUM_VALIDATION=when_required"
    if spec.ca:
        yield "cat >store-ca.pem <<'CA'"
        yield from spec.ca.splitlines()
        yield "CA"
        yield 'export AWS_CA_BUNDLE="$PWD/store-ca.pem"'
