"""TLS towards the API server, from memory: no certificate or key of a secret is written to a disk."""

import os
import ssl
import tempfile
from pathlib import Path

from pydantic import SecretStr

from holdfast.models.credentials import KubernetesAccess


def tls_context(access: KubernetesAccess) -> ssl.SSLContext:
    """Checks the server against `ca`, or against the system's authorities without one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if access.ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cadata=access.ca.get_secret_value())
    if access.cert is not None and access.key is not None:
        _load_pair(context, access.cert, access.key)
    return context


def _load_pair(context: ssl.SSLContext, cert: SecretStr, key: SecretStr) -> None:
    """ssl takes a private key only as a path: memory on Linux, elsewhere a private file that is gone at once."""
    text = f"{cert.get_secret_value()}\n{key.get_secret_value()}\n"
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("client", os.MFD_CLOEXEC), "w") as file:
            file.write(text)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_text(text)
        context.load_cert_chain(path)
