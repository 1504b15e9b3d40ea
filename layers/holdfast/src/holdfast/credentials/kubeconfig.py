"""A kubeconfig's current context, as fields of a KubernetesAccess.

Only what can be used as it stands is accepted: a Lambda function has neither the files nor the programs that a
kubeconfig may point to, and an unchecked server would get our token. Format: client-go, tools/clientcmd/api/v1.
"""

import base64
import binascii
from collections.abc import Mapping

from holdfast.credentials.failures import KUBERNETES, secret_malformed
from holdfast.errors import RefusedError

type Section = Mapping[str, object]

_FLATTEN = "kubectl config view --flatten --minify writes one that holds the files' content"
_SERVICE_ACCOUNT = (
    "use a token or a client certificate: for EKS and others that sign in with a program, the token of a ServiceAccount"
)


def access_fields(name: str, config: Section) -> dict[str, object]:
    """Fields of KubernetesAccess, still unchecked. `secret_malformed`, or RefusedError `kubeconfig_runs_programs`,
    `kubeconfig_names_files`, `kubeconfig_insecure`, `kubeconfig_unsupported`."""
    current = config.get("current-context")
    if not isinstance(current, str) or not current:
        raise secret_malformed(name, "the kubeconfig has no current-context", KUBERNETES)
    context = _named(name, config, "context", current)
    cluster = _named(name, config, "cluster", context.get("cluster"))
    user = _named(name, config, "user", context.get("user"))
    _refuse_cluster(name, cluster)
    _refuse_user(name, user)
    return {
        "server": cluster.get("server"),
        "server_name": cluster.get("tls-server-name") or None,
        "ca": _decoded(name, cluster, "certificate-authority-data"),
        "token": user.get("token") or None,
        "cert": _decoded(name, user, "client-certificate-data"),
        "key": _decoded(name, user, "client-key-data"),
    }


def _named(name: str, config: Section, kind: str, wanted: object) -> Section:
    """The entry of the list `<kind>s` that has this name. Names are no secret, yet a broken file may hold anything
    in their place, so they are not repeated."""
    entries = config.get(f"{kind}s")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and wanted and entry.get("name") == wanted and isinstance(entry.get(kind), dict):
            return dict(entry[kind])
    raise secret_malformed(name, f"the kubeconfig's current context leads to no {kind}", KUBERNETES)


def _refuse_cluster(name: str, cluster: Section) -> None:
    if cluster.get("insecure-skip-tls-verify"):
        raise RefusedError(
            "kubeconfig_insecure",
            f"the kubeconfig in {name} turns the check of the server's certificate off",
            hint="put the cluster's authority into certificate-authority-data instead of insecure-skip-tls-verify",
        )
    if str(cluster.get("server", "")).lower().startswith("http:"):
        raise RefusedError(
            "kubeconfig_insecure",
            f"the kubeconfig in {name} names a server without TLS",
            hint="its server must start with https://",
        )
    _refuse_files(name, cluster, "certificate-authority")
    # Honouring it would need a second way through for every websocket; nobody should find that out at night.
    _refuse_unsupported(name, cluster, "proxy-url", hint="give the functions a route to the server itself")


def _refuse_user(name: str, user: Section) -> None:
    for field in ("exec", "auth-provider"):
        if user.get(field):
            raise RefusedError(
                "kubeconfig_runs_programs",
                f'the kubeconfig in {name} signs in by "{field}", which runs a program',
                hint=_SERVICE_ACCOUNT,
            )
    _refuse_files(name, user, "tokenFile", "client-certificate", "client-key")
    _refuse_unsupported(name, user, "username", "password", hint=_SERVICE_ACCOUNT)
    _refuse_unsupported(
        name, user, "as", "as-uid", "as-groups", "as-user-extra", hint="give the user itself the rights that it needs"
    )


def _refuse_files(name: str, section: Section, *fields: str) -> None:
    for field in fields:
        # As client-go reads it: content beside a path wins.
        if section.get(field) and not section.get(f"{field}-data"):
            raise RefusedError(
                "kubeconfig_names_files", f'the kubeconfig in {name} names a file in "{field}"', hint=_FLATTEN
            )


def _refuse_unsupported(name: str, section: Section, *fields: str, hint: str) -> None:
    for field in fields:
        if section.get(field):
            raise RefusedError(
                "kubeconfig_unsupported",
                f'the kubeconfig in {name} has "{field}", which Holdfast does not use',
                hint=hint,
            )


def _decoded(name: str, section: Section, field: str) -> str | None:
    value = section.get(field)
    if not value:
        return None
    text = None
    if isinstance(value, str):
        try:
            text = base64.b64decode("".join(value.split()), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            text = None
    if text is None:
        raise secret_malformed(name, f'the kubeconfig\'s "{field}" is no base64 of a PEM text', KUBERNETES)
    return text
