"""A kubeconfig of one cluster and one user, read without a parser of YAML: the lines that matter are `name: value`."""

import base64
import os
import re
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from holdfast.local.machines.oc.failures import OcError

_LINE = re.compile(r"^[ -]*([a-z-]+): +(\S.*?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Access:
    host: str
    port: int
    context: ssl.SSLContext
    token: str = ""


def access_of(path: str) -> Access:
    """OcError in oc's words when there is no such file."""
    where = Path(path or os.environ.get("KUBECONFIG", "") or "~/.kube/config").expanduser()
    try:
        said = dict(_LINE.findall(where.read_text()))
    except FileNotFoundError as error:
        raise OcError(f"error: stat {where}: no such file or directory") from error
    server = urlsplit(said.get("server", "").strip("'\""))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority := _text(said, "certificate-authority", where):
        context.load_verify_locations(cadata=authority)
    else:
        context.load_default_certs()
    certificate, key = _text(said, "client-certificate", where), _text(said, "client-key", where)
    if certificate and key:
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{certificate}\n{key}\n")
            context.load_cert_chain(pair)
    port = server.port or (443 if server.scheme == "https" else 80)
    return Access(server.hostname or "localhost", port, context, said.get("token", ""))


def _text(said: dict[str, str], name: str, beside: Path) -> str:
    if f"{name}-data" in said:
        return base64.b64decode(said[f"{name}-data"]).decode()
    return (beside.parent / said[name]).read_text() if name in said else ""
