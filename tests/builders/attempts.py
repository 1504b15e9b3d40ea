"""Calls that somebody tries on the deployed product with a role's own credentials, and who these are."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from builders.iam_record import TRIAL
from builders.product import Product
from builders.stack_roles import make_role, physical, session_as
from holdfast.local.deploy import REGION
from holdfast.local.plugin.iam_gate import PLAIN_HTTP_HEADER

CLUSTER = "roles"
FOREIGN = "111111111111"
ALL: list[dict[str, Any]] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@dataclass
class Ground:
    """A verified backup of the cluster, and roles that a test made; `roles` are names by what the tests call them."""

    product: Product
    backup: str
    other_key: str
    roles: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)

    def output(self, name: str) -> str:
        return str(self.product.info.outputs[name])

    def of(self, name: str, bucket: str = "SnapshotsBucket") -> dict[str, str]:
        """The parameters that name one of the backup's objects."""
        return {"Bucket": self.output(bucket), "Key": f"{CLUSTER}/{self.backup}/{name}"}

    def client(self, who: str, service: str, *, plain_http: bool = False, **options: Any) -> Any:
        if who not in self.sessions:
            name = self.roles.get(who) or physical(self.product, who)
            sts = self._foreign("sts") if who == "foreign" else None
            self.sessions[who] = session_as(self.product, name, TRIAL, client=sts)
        client = self.sessions[who].client(service, endpoint_url=self.product.info.endpoint, **options)
        if plain_http:
            client.meta.events.register(
                "before-sign", lambda request, **_: request.headers.add_header(PLAIN_HTTP_HEADER, "1")
            )
        return client

    def _foreign(self, service: str) -> Any:
        """Of another account's owner."""
        return self.product.session.client(
            service,
            endpoint_url=self.product.info.endpoint,
            aws_access_key_id=FOREIGN,
            aws_secret_access_key="test",
            region_name=REGION,
        )

    def last_trial(self) -> dict[str, Any]:
        lines = map(json.loads, self.product.iam_log.read_text().splitlines())
        return dict([line for line in lines if line["session"] == TRIAL][-1])

    def make_roles(self) -> None:
        iam = self.product.client("iam")
        reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
        policy = {name: physical(self.product, f"{name}Policy") for name in ("Auditor", "Operator", "Approver")}
        self.roles = {
            "admin": make_role(iam, "admin", may=ALL),
            "reader without the key": make_role(iam, "keyless", may=[reads]),
            "auditor": make_role(iam, "auditor", policy["Auditor"]),
            "operator": make_role(iam, "operator", policy["Auditor"], policy["Operator"]),
            "approver": make_role(iam, "approver", policy["Auditor"], policy["Approver"]),
            "both": make_role(iam, "both", *policy.values()),
            "foreign": make_role(self._foreign("iam"), "foreign", may=ALL),
        }


@dataclass(frozen=True)
class Attempt:
    who: str
    call: str  # service.operation
    parameters: Callable[[Ground], Mapping[str, Any]]
    action: str
    decision: str = "implicitDeny"
    plain_http: bool = False

    def __str__(self) -> str:
        return f"{self.who}-{self.call}-{self.action}{'-over-http' if self.plain_http else ''}"

    def make(self, ground: Ground) -> None:
        service, operation = self.call.split(".")
        getattr(ground.client(self.who, service, plain_http=self.plain_http), operation)(**self.parameters(ground))


def snapshot(ground: Ground) -> dict[str, Any]:
    return ground.of("snapshot.db.zst")


def bundle(ground: Ground) -> dict[str, Any]:
    return ground.of("n1/bundle.tar", "SecretsBucket")


def put(name: str, bucket: str = "SnapshotsBucket", **more: Any) -> Callable[[Ground], dict[str, Any]]:
    return lambda ground: {
        **ground.of(name, bucket),
        "Body": b"",
        **{key: _made(value, ground) for key, value in more.items()},
    }


def _made(value: Any, ground: Ground) -> Any:
    return value(ground) if callable(value) else value


def bucket(name: str, **more: Any) -> Callable[[Ground], dict[str, Any]]:
    return lambda ground: {"Bucket": ground.output(name), **more}


def version(ground: Ground) -> dict[str, Any]:
    return {**snapshot(ground), "VersionId": "any"}


def version_around_lock(ground: Ground) -> dict[str, Any]:
    return {**version(ground), "BypassGovernanceRetention": True}


def release(ground: Ground) -> dict[str, Any]:
    return {**snapshot(ground), "LegalHold": {"Status": "OFF"}}


def around_lock(ground: Ground) -> dict[str, Any]:
    """A lock made shorter, which needs the right to get around it."""
    return {**snapshot(ground), "Retention": {"Mode": "GOVERNANCE"}, "BypassGovernanceRetention": True}
