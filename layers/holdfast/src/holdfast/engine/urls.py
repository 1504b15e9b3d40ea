"""How a script on a node learns what the URLs that it is given ask of it."""

from holdfast.storage.base import UrlUse


def values_of(use: UrlUse) -> dict[str, str]:
    """The variables of node/common.sh; none of them where the node's own ways are enough."""
    values = {"store_ca": use.ca, "store_proxy": use.proxy, "put_headers": "\n".join(use.put_headers)}
    return {name: value for name, value in values.items() if value}
