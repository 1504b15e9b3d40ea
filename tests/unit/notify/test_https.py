"""Posting to a real HTTPS server with a CA of its own: what counts as sent, and that the URL is never told."""

import threading
import traceback
from collections.abc import Iterator

import pytest

from builders.webhook_receiver import PATH, Receiver, receiver
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.local.pki import issue_ca
from holdfast.notify.https import HttpsPostman

SECRET = "c2VjcmV0LXBhdGg"


@pytest.fixture
def site() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def post(site: Receiver, **webhook: str) -> None:
    HttpsPostman(timeout_s=5).post(site.webhook(**webhook), b'{"a": 1}', {"X-Own": "yes"})


def test_a_message_arrives_as_it_was_given(site: Receiver) -> None:
    post(site)
    ((path, headers, body),) = site.heard
    assert (path, body, headers["X-Own"]) == (PATH, b'{"a": 1}', "yes")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(site: Receiver, status: int) -> None:
    site.answers = [status]
    post(site)


@pytest.mark.parametrize(
    ("status", "family", "code"),
    [
        (429, TransientError, "webhook_unavailable"),
        (500, TransientError, "webhook_unavailable"),
        (503, TransientError, "webhook_unavailable"),
        (400, PermanentError, "webhook_refused"),
        (404, PermanentError, "webhook_refused"),
        (410, PermanentError, "webhook_refused"),
    ],
)
def test_what_may_pass_is_transient(site: Receiver, status: int, family: type[HoldfastError], code: str) -> None:
    site.answers = [status]
    with pytest.raises(family, match=f"127.0.0.1 answered {status}") as caught:
        post(site)
    assert caught.value.code == code


def test_a_receiver_that_speaks_no_http_gets_nothing_of_the_url_into_the_error(site: Receiver) -> None:
    """What http.client says of such an answer is its first line; this one says back what it was asked."""
    site.echoes = True
    with pytest.raises(TransientError, match=r"webhook_unavailable: 127\.0\.0\.1") as caught:
        post(site)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(site: Receiver, status: int) -> None:
    with receiver() as elsewhere:
        site.answers, site.location = [status], f"https://127.0.0.1:{elsewhere.port}/"
        with pytest.raises(PermanentError, match="webhook_refused"):
            post(site)
        assert elsewhere.heard == []
    assert len(site.heard) == 1


def test_another_authority_is_not_trusted(site: Receiver) -> None:
    with pytest.raises(PermanentError, match="webhook_tls") as caught:
        post(site, ca=issue_ca().certificate)
    assert "field ca" in caught.value.hint
    assert site.heard == []


def test_a_certificate_of_another_name_is_not_trusted() -> None:
    with receiver("127.0.0.2") as other:
        with pytest.raises(PermanentError, match="webhook_tls"):
            post(other, host="127.0.0.2")
        assert other.heard == []


def test_a_receiver_that_says_nothing_is_not_waited_for(site: Receiver) -> None:
    site.silent = threading.Event()
    with pytest.raises(TransientError, match="webhook_unavailable"):
        HttpsPostman(timeout_s=0.3).post(site.webhook(), b"{}", {})


def test_nobody_there_is_transient(site: Receiver) -> None:
    gone = site.webhook().model_copy()
    site.port = 1
    with pytest.raises(TransientError, match="webhook_unavailable"):
        HttpsPostman(timeout_s=1).post(site.webhook(), b"{}", {})
    assert str(gone.url) == "**********"


@pytest.mark.parametrize("trouble", ["refuses", "redirects", "untrusted", "away", "breaks off"])
def test_the_url_is_in_no_error(site: Receiver, trouble: str) -> None:
    webhook = site.webhook(ca=issue_ca().certificate) if trouble == "untrusted" else site.webhook()
    site.answers = {"refuses": [403], "redirects": [302], "breaks off": [999]}.get(trouble, [])
    if trouble == "away":
        site.port = 1
        webhook = site.webhook()
    with pytest.raises(HoldfastError) as caught:
        HttpsPostman(timeout_s=1).post(webhook, b"{}", {})
    shown = [caught.value.message, caught.value.hint, "".join(traceback.format_exception(caught.value))]
    assert not [text for text in shown if SECRET in text]
