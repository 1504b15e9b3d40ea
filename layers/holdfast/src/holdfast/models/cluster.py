"""`ClusterSpec`: what an operator writes about one control plane. The file format is docs/reference/cluster.md."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from holdfast.models.base import ClusterId, Model

Driver = Literal["kubeadm", "openshift", "gke-onprem-admin", "gke-onprem-user", "rke1", "rke2", "k3s", "rancher"]


def _etcd_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise ValueError("an etcd endpoint starts with https:// (plain http is refused: a snapshot holds every Secret)")
    if not parts.hostname or parts.port is None or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError("an etcd endpoint is https://HOST:PORT and nothing more")
    return f"https://{parts.netloc}"


def _secret_name(name: str) -> str:
    if "-----BEGIN" in name or "\n" in name:
        raise ValueError("credentials are the name of a secret in Secrets Manager, never the value itself")
    if not re.fullmatch(r"holdfast/[A-Za-z0-9/_+=.@-]{1,400}", name):
        raise ValueError("the name of a secret starts with holdfast/ (the functions may read no other)")
    return name


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone (for example Europe/Berlin)")
    return name


EtcdEndpoint = Annotated[str, AfterValidator(_etcd_endpoint)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


class EtcdTransport(Model):
    """The direct path: gRPC to the members' client port. `server_name` overrides the name that certificates must
    carry."""

    kind: Literal["etcd"]
    endpoints: tuple[EtcdEndpoint, ...] = Field(min_length=1, max_length=9)
    credentials: SecretName
    server_name: str | None = None


class ScheduleSpec(Model):
    """Exactly one of `cron` (five fields, or EventBridge's six) and `rate` ("6 hours")."""

    cron: str | None = None
    rate: str | None = None
    timezone: TimeZone = "UTC"
    flexible_minutes: int = Field(default=0, ge=0, le=1440)
    paused: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.cron is None) == (self.rate is None):
            raise ValueError("a schedule has either cron or rate")
        return self


class RetentionSpec(Model):
    """How many verified backups stay. Retention never removes the newest verified one, whatever the number."""

    keep_last: int = Field(default=30, ge=1, le=10_000)


class ClusterSpec(Model):
    """One control plane. `id` is immutable: it is the prefix of everything that is stored."""

    id: ClusterId
    driver: Driver
    description: Annotated[str, StringConstraints(max_length=200)] = ""
    transport: EtcdTransport
    schedule: ScheduleSpec | None = None
    retention: RetentionSpec = RetentionSpec()
