"""The Postman over HTTPS. The URL of a webhook is a secret: messages name its host, nothing else of it."""

import ssl
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from holdfast.errors import PermanentError, TransientError
from holdfast.models.credentials import Webhook

TIMEOUT_S = 10.0


class HttpsPostman:
    """One connection per message; the certificate is checked, against the webhook's own CA where it has one."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    def post(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        parts = urlsplit(webhook.url.get_secret_value())
        host = str(parts.hostname)
        connection = HTTPSConnection(host, parts.port, timeout=self._timeout_s, context=_trusting(webhook))
        path = parts.path or "/"
        try:
            connection.request("POST", f"{path}?{parts.query}" if parts.query else path, body, headers)
            status = connection.getresponse().status
        except ssl.SSLError as error:
            hint = "put the CA of the receiver into the secret's field ca when it is a private one"
            raise PermanentError("webhook_tls", f"{host}: {error}", hint=hint) from error
        except OSError as error:
            raise TransientError("webhook_unavailable", f"{host}: {type(error).__name__}: {error}") from error
        except HTTPException as error:
            # Its words are the receiver's, which may say back the path that it was asked for.
            raise TransientError("webhook_unavailable", f"{host}: {type(error).__name__}") from None
        finally:
            connection.close()
        _judge(host, status)


def _trusting(webhook: Webhook) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=webhook.ca.get_secret_value() if webhook.ca else None)


def _judge(host: str, status: int) -> None:
    if 200 <= status < 300:
        return
    if status == 429 or status >= 500:
        raise TransientError("webhook_unavailable", f"{host} answered {status}")
    if 300 <= status < 400:
        # Where a redirect leads is the receiver's to say, and what we send is not for everybody.
        hint = "put the final address into the secret: a redirect is never followed"
        raise PermanentError("webhook_refused", f"{host} answered {status}: it is somewhere else", hint=hint)
    hint = "the URL in the secret may be revoked, or the receiver does not know this form of a message"
    raise PermanentError("webhook_refused", f"{host} answered {status}", hint=hint)
