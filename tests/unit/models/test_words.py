"""Words of programs on nodes, as they are shown and stored."""

import pytest

from holdfast.engine.node_steps import report_of
from holdfast.errors import PermanentError
from holdfast.models.command import CommandResult
from holdfast.models.openshift_restore_reports import VendorReport
from holdfast.models.words import plain

# What podman says of a proxy's URL that it cannot read: the cluster's proxy, with its password.
PARSE = 'Error: parse "http://builder:s3%cret@proxy.example:3128": invalid URL escape "%cr"'


@pytest.mark.parametrize("secret", ["u:s3cret", "s3cret", "u:s3@cret", "u:s3%cret"])
def test_a_password_in_a_url_is_not_repeated(secret: str) -> None:
    said = plain(f"tried http://{secret}@proxy.example:3128/v2/ and https://quay.example/ocp@sha256:aa")
    assert said == "tried http://***@proxy.example:3128/v2/ and https://quay.example/ocp@sha256:aa"


def test_what_a_vendors_script_says_of_a_proxy_reaches_no_report_and_no_error() -> None:
    told = VendorReport.model_validate({"script": "cluster-restore.sh", "kept": "", "words": [PARSE]})
    assert "s3" not in told.model_dump_json()
    escaped = PARSE.replace('"', '\\"')
    failed = CommandResult(
        exit_code=1, stdout=f'{{"code":"openshift_script_failed","message":"{escaped}"}}', stderr=f"{PARSE}\n"
    )
    silent = CommandResult(exit_code=1, stdout="", stderr=f"{PARSE}\n")
    for result in (failed, silent):
        with pytest.raises(PermanentError) as raised:
            report_of("m1", result, VendorReport)
        assert "proxy.example" in f"{raised.value} {raised.value.hint}"
        assert "s3" not in f"{raised.value} {raised.value.hint}"


def test_an_end_in_the_middle_of_a_url_shows_nothing_of_it() -> None:
    assert plain("see http://u:s3cret@proxy.example", limit=16) == "see http://***@p"
