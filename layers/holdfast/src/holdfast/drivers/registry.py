"""Which driver knows a distribution."""

from holdfast.drivers.base import Driver
from holdfast.drivers.kubeadm.driver import KubeadmDriver
from holdfast.drivers.openshift.driver import OpenShiftDriver
from holdfast.errors import RefusedError

_DRIVERS: dict[str, Driver] = {"kubeadm": KubeadmDriver(), "openshift": OpenShiftDriver()}


def driver_of(name: str) -> Driver:
    """RefusedError `driver_unsupported` for a distribution whose nodes nobody can read yet."""
    driver = _DRIVERS.get(name)
    if driver is None:
        raise RefusedError(
            "driver_unsupported",
            f"there is no driver for nodes of {name}; there is one for {', '.join(sorted(_DRIVERS))}",
            hint="The etcd transport backs up the database of any distribution.",
        )
    return driver
