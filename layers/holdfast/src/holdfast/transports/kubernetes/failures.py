"""What the API server and the network answer, in the words of the error tree. No error holds a token.

A refusal names its verb, resource and namespace as the server worded them (apiserver, pkg/endpoints/handlers/
responsewriters/errors.go), and the rule of a Role that would allow it.
"""

import json
import re
import ssl

from holdfast.errors import HoldfastError, PermanentError, TransientError

_RBAC = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_ADMISSION = (
    "the namespace must admit privileged pods: label it pod-security.kubernetes.io/enforce=privileged; "
    "on OpenShift grant the pod's ServiceAccount the SCC privileged"
)
_SIGN_IN_ANEW = (
    "store a fresh token or certificate in the cluster's secret; tokens expire (one of EKS after 15 minutes)"
)


def answered(doing: str, status: int, body: bytes) -> HoldfastError:
    """The error for an answer that is no success. `doing` completes "could not …"."""
    said = _words(body) or f"HTTP status {status}"
    message = f"could not {doing}: {said}"
    if status == 401:
        return PermanentError("kubernetes_unauthorized", message, hint=_SIGN_IN_ANEW)
    if status == 403:
        return _forbidden(message, said)
    if status == 404:
        return PermanentError("kubernetes_not_found", message, hint="Another server, or the object is gone meanwhile.")
    if status in {408, 409, 429} or status >= 500:
        return TransientError("kubernetes_unreachable", message, hint="The API server is overloaded or starting.")
    return PermanentError("kubernetes_refused", message, hint="Read the server's words in the message.")


def _words(body: bytes) -> str:
    """The message of a Status object, or the text itself; one line, at most 500 characters."""
    text = body.decode(errors="replace")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    said = value.get("message", "") if isinstance(value, dict) else text
    return " ".join(str(said).split())[:500]


def _forbidden(message: str, said: str) -> HoldfastError:
    found = _RBAC.search(said)
    if found is None:
        return PermanentError("kubernetes_pod_refused", message, hint=_ADMISSION)
    verb, resource, group, namespace = found["verb"], found["resource"], found["group"], found["namespace"]
    place = f"in {namespace}" if namespace else "in the whole cluster"
    kind = f"a Role in {namespace}" if namespace else "a ClusterRole"
    # A websocket is asked for by GET: older servers check get, newer ones (1.35) create too.
    verbs = '"get", "create"' if "/" in resource else f'"{verb}"'
    return PermanentError(
        "kubernetes_forbidden",
        message,
        hint=f"missing: {verb} {resource} {place}; {kind} grants it with the rule "
        f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: [{verbs}]}}',
    )


def not_connected(server: str, error: BaseException) -> HoldfastError:
    """The error for a request that got no answer. urllib3 wraps the reason several times."""
    for each in _behind(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return PermanentError(
                "kubernetes_untrusted",
                f"{server}: the server's certificate is not accepted: {each.verify_message}",
                hint="The secret needs the authority of the API server (certificate-authority-data, or ca), and "
                "tls-server-name when the server is reached by another name than its certificate carries.",
            )
        if isinstance(each, ssl.SSLError) and each.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}:
            return PermanentError(
                "kubernetes_untrusted", f"{server}: the port does not speak TLS", hint="Name the API server's own port."
            )
    return TransientError(
        "kubernetes_unreachable",
        f"{server}: {_reason(error)}",
        hint="Check the server's address, the route and the security groups to it.",
    )


def broken(where: str, error: object) -> HoldfastError:
    return TransientError(
        "kubernetes_stream_broken", f"{where}: the connection ended in the middle: {error}", hint="It is tried again."
    )


def _behind(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            waiting += [getattr(each, "reason", None), each.__cause__, each.__context__]
    return found


def _reason(error: BaseException) -> str:
    for each in _behind(error):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    if any("timed out" in str(each) for each in _behind(error)):
        return "no answer in time"
    return type(_behind(error)[-1]).__name__
