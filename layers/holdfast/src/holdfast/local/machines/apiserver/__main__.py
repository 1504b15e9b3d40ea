"""kube-apiserver --FLAG=VALUE...: serves until it is ended."""

import ssl
import sys
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

from holdfast.local.machines.apiserver.handler import Handler
from holdfast.local.machines.apiserver.resources import Resources
from holdfast.local.machines.apiserver.store import Store

# How long a node controller waits for a node's lease before it calls the node unknown. The flag is that one's: there
# is none here, and the API server works out by itself what it would write.
GRACE = "40s"


class Server(ThreadingHTTPServer):
    """The handshake is the handler's, so that a client that is slow at it holds up nobody else."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def main() -> None:
    flags = dict(each.removeprefix("--").split("=", 1) for each in sys.argv[1:])
    members = [urlsplit(each) for each in flags["etcd-servers"].split(",")]
    store = Store(
        [(each.hostname or "", each.port or 2379) for each in members],
        flags["etcd-cafile"],
        flags["etcd-certfile"],
        flags["etcd-keyfile"],
    )
    grace_s = float(flags.get("node-monitor-grace-period", GRACE).removesuffix("s"))
    # Keys begin with a slash whether the flag has it or not.
    prefix = "/" + flags.get("etcd-prefix", "/registry").strip("/")
    resources = Resources(store, prefix, grace_s)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(flags["tls-cert-file"], flags["tls-private-key-file"])
    context.load_verify_locations(flags["client-ca-file"])
    context.verify_mode = ssl.CERT_OPTIONAL
    handler = type("OfThisServer", (Handler,), {"resources": resources})
    # A real one listens everywhere; here all nodes share one loopback.
    server = Server((flags["advertise-address"], int(flags["secure-port"])), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
