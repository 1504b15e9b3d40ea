"""What people may do works, and the template grants what was used and nothing else.

The record of every call that a role made on the stacks of these tests is held against the template: a call that was
refused fails, a grant that nobody used fails unless it is listed in builders/unused_grants.py with its reason, and so
does one that is listed and was used.
"""

import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from builders import iam_record
from builders.changes import restore_plan
from builders.product import Product
from builders.runs import run_record
from builders.stack_roles import make_role, physical, services_as, session_as
from builders.unused_grants import UNUSED, reason_for
from holdfast.engine.accepting import accept_backup
from holdfast.engine.catalog import list_backups
from holdfast.engine.freshness import check_freshness
from holdfast.engine.holding import hold, hold_of, protection, unhold
from holdfast.engine.restore.approving import approve, ask
from holdfast.engine.restore.starting import start_change
from holdfast.engine.restore.stored import PLAN, put_bound, run_of
from holdfast.engine.retention import apply_retention, plan_retention
from holdfast.engine.signing import load_signed
from holdfast.engine.starting import start_manual
from holdfast.errors import HoldfastError, RefusedError
from holdfast.local.deploy import STACK
from holdfast.models.restore import ChangeRequest
from holdfast.wiring import AwsServices

CLUSTER = "people"
PERSON = "anna"
FOLDER = Path(__file__).parent
# Modules whose stacks keep a record, by the name under which they keep it.
RECORDED = {
    "test_nodes_on_stack.py": "nodes, without an API server",
    "test_restore_on_stack.py": "nodes, with an API server",
    "test_product_on_stack.py": "product",
}


@pytest.fixture(scope="module")
def backup(product: Product) -> str:
    product.apply(CLUSTER)
    ended = product.run(CLUSTER)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    return str(json.loads(ended["output"])["backup_id"])


def as_person(product: Product, role: str, *policies: str) -> AwsServices:
    """In a session of a role with these managed policies of the template."""
    iam = product.client("iam")
    make_role(iam, role, *(physical(product, f"{each}Policy") for each in policies))
    return services_as(product, session_as(product, role, PERSON))


@contextmanager
def refused_by_what_is_there(*codes: str) -> Iterator[None]:
    """The call was permitted, and what it asked for is not there."""
    with pytest.raises(HoldfastError) as refused:
        yield
    assert refused.value.code in codes


def test_an_auditor_sees_everything_but_bytes(product: Product, backup: str) -> None:
    services = as_person(product, "person-auditor", "Auditor")
    assert [spec.id for spec in services.clusters.list()].count(CLUSTER) == 1
    assert [entry.backup_id for entry in list_backups(services.reader, CLUSTER)] == [backup]
    assert load_signed(services, CLUSTER, backup).signature == "valid"
    product.client("s3").put_object(
        Bucket=product.info.outputs["SecretsBucket"], Key=f"{CLUSTER}/{backup}/n1/bundle.tar", Body=b"secret"
    )
    rows = protection(services, CLUSTER, backup)
    assert {each.bucket for each in rows} == {"snapshots", "secrets"}
    assert None not in [each.state for each in rows]
    (record,) = services.runs.list(CLUSTER, 5)
    assert services.executions.view(record.run_id).status == "SUCCEEDED"
    with refused_by_what_is_there("run_unknown"):
        services.changes.view("no-such-run")
    assert services.clusters.get(CLUSTER).id == CLUSTER
    assert services.schedules.get(CLUSTER) is None
    with refused_by_what_is_there("object_not_found"):  # etcd's own API tells too little for one
        services.reader.read(f"{CLUSTER}/{backup}/runbook.md")
    assert plan_retention(services, CLUSTER).plan.removals == ()
    assert [each.cluster_id for each in check_freshness(services, [CLUSTER]).clusters] == [CLUSTER]
    _describe_stack(product, "person-auditor")


def _describe_stack(product: Product, role: str) -> None:
    client = session_as(product, role, PERSON).client("cloudformation", endpoint_url=product.info.endpoint)
    assert client.describe_stacks(StackName=STACK)["Stacks"]


def test_an_operator_starts_stops_holds_and_accepts(product: Product, backup: str) -> None:
    services = as_person(product, "person-operator", "Auditor", "Operator")
    started = start_manual(services, CLUSTER, "seed")
    machine = product.info.outputs["StateMachineArn"]
    ended = product.end_of(f"{machine.replace(':stateMachine:', ':execution:')}:{started.run_id}")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    change = start_change(services, ChangeRequest(cluster=CLUSTER, backup=backup), "seed")
    asked = json.loads(services_input(product, change.run_id))
    assert asked["requested_by"].endswith(f":assumed-role/person-operator/{PERSON}")
    assert product.end_of(restore_of(product, change.run_id))["status"] == "FAILED", "no node was named"
    assert services.changes.view(change.run_id).status == "FAILED"
    services.changes.stop(change.run_id, "a test")
    with refused_by_what_is_there("question_closed"):
        services.changes.decline("no-such-token", "error", "cause")
    assert hold(services, CLUSTER, backup, reason="a test").objects
    kept = hold_of(services, CLUSTER, backup)
    assert kept is not None
    assert kept.reason == "a test"
    assert accept_backup(services, CLUSTER, backup, accepted_by=PERSON).backup_id == backup


def restore_of(product: Product, run: str) -> str:
    return product.info.outputs["RestoreMachineArn"].replace(":stateMachine:", ":execution:") + f":{run}"


def services_input(product: Product, run: str) -> str:
    described = product.client("stepfunctions").describe_execution(executionArn=restore_of(product, run))
    return str(described["input"])


def test_only_break_glass_lets_a_hold_go(product: Product, backup: str) -> None:
    operator = services_as(product, session_as(product, "person-operator", iam_record.TRIAL))
    hold(product.services, CLUSTER, backup)
    with pytest.raises(HoldfastError, match="access_denied"):
        unhold(operator, CLUSTER, backup)
    glass = services_as(product, session_as(product, physical(product, "BreakGlassRole"), PERSON))
    assert unhold(glass, CLUSTER, backup).objects
    plan = plan_retention(glass, CLUSTER).plan
    assert apply_retention(glass, CLUSTER, digest=plan.digest, owner="by-hand").removed == ()


def test_an_approver_answers_and_not_for_himself(product: Product, backup: str) -> None:
    """The plan of a run that waits, as Started stores it; its token is nobody's."""
    services = as_person(product, "person-approver", "Auditor", "Approver")
    caller = services.identity.caller()
    with refused_by_what_is_there("question_closed"):
        services.changes.answer("no-such-token", "{}")
    for requester, code in ((caller, "approval_own_request"), ("", "approval_requester_unknown")):
        run, digest = waiting(product, backup, requester)
        with pytest.raises(RefusedError, match=code):
            approve(services, CLUSTER, run, approved_by=caller, typed=CLUSTER, digest=digest)
    run, digest = waiting(product, backup, caller.replace(PERSON, "ben"))
    with refused_by_what_is_there("question_closed"):
        approve(services, CLUSTER, run, approved_by=caller, typed=CLUSTER, digest=digest)


def waiting(product: Product, backup: str, requester: str) -> tuple[str, str]:
    """(run, digest) of a run that waits for an approval."""
    services, now = product.services, datetime.now(UTC)
    run = f"{CLUSTER}-{now:%Y%m%dT%H%M%SZ}-m-{zlib.crc32(requester.encode()) & 0xFFFFFF:06x}"
    plan = restore_plan(cluster_id=CLUSTER, run_id=run, backup_id=backup, requested_by=requester)
    services.runs.open(run_record(run, cluster_id=CLUSTER, job="restore", execution=run, backup_id=backup))
    put_bound(services, run_of(services.runs.get(CLUSTER, run)), PLAN, plan.model_dump_json().encode())
    ask(services, run_of(services.runs.get(CLUSTER, run)), "no-such-token")
    return run, plan.digest


@pytest.mark.parametrize("name", ["SnapshotsBucket", "SecretsBucket"])
def test_break_glass_changes_what_nobody_else_may(name: str, product: Product) -> None:
    s3 = session_as(product, physical(product, "BreakGlassRole"), PERSON).client(
        "s3", endpoint_url=product.info.endpoint
    )
    bucket = {"Bucket": product.info.outputs[name]}
    policy = s3.get_bucket_policy(**bucket)["Policy"]
    s3.delete_bucket_policy(**bucket)
    s3.put_bucket_policy(**bucket, Policy=policy)
    rules = {
        "Rules": [
            {
                "ID": "a",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            }
        ]
    }
    s3.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration=rules)
    assert s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    lock = s3.get_object_lock_configuration(**bucket)["ObjectLockConfiguration"]
    s3.put_object_lock_configuration(**bucket, ObjectLockConfiguration=lock)
    spare = {**bucket, "Key": "spare/object"}
    product.client("s3").put_object(**spare, Body=b"spare")
    version = s3.list_object_versions(**bucket, Prefix="spare/")["Versions"][0]["VersionId"]
    assert s3.list_objects_v2(**bucket, Prefix="spare/")["KeyCount"] == 1
    assert s3.get_object(**spare, VersionId=version)["Body"].read() == s3.get_object(**spare)["Body"].read()
    until = datetime.now(UTC) + timedelta(days=1)
    s3.put_object_retention(**spare, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
    assert s3.get_object_retention(**spare)["Retention"]["Mode"] == "GOVERNANCE"
    s3.put_object_legal_hold(**spare, LegalHold={"Status": "ON"})
    s3.put_object_legal_hold(**spare, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**spare)["LegalHold"]["Status"] == "OFF"
    with pytest.raises(ClientError):  # locked, until the lock is asked to be got around
        s3.delete_object(**spare, VersionId=version)
    s3.delete_object(**spare, VersionId=version, BypassGovernanceRetention=True)
    s3.delete_object(**spare)
    _describe_stack(product, physical(product, "BreakGlassRole"))


def test_the_template_grants_what_was_used_and_nothing_else(product: Product, request: pytest.FixtureRequest) -> None:
    """The last test of all, over the records of all stacks."""
    iam_record.keep("product", product.info, product.iam_log)
    denied = [(name, line) for name, seen in iam_record.KEPT.items() for line in seen.denied]
    assert denied == [], "calls that no policy allows"
    missing = left_out(request.session)
    if missing:
        pytest.skip(f"a part of the tests only, so nothing can be said of unused grants; not run: {', '.join(missing)}")
    used = frozenset[iam_record.Grant]().union(*(seen.used for seen in iam_record.KEPT.values()))
    unused = iam_record.grants() - used
    assert sorted(each for each in unused if reason_for(each) is None) == [], "granted, used by no scenario"
    listed = [entry for entry in UNUSED if not entry.sometimes]
    assert [(entry.owner, grant) for entry in listed for grant in used if entry.covers(grant)] == [], "listed, and used"
    assert [entry.owner for entry in listed if not any(map(entry.covers, unused))] == [], "listed, and not granted"


def left_out(session: pytest.Session) -> list[str]:
    """What was not collected of the modules with a record, and how many tests failed."""
    collected: dict[str, set[str]] = {}
    for item in session.items:
        collected.setdefault(item.path.name, set()).add(getattr(item, "originalname", item.name))
    found = []
    for name in (*RECORDED, Path(__file__).name):
        defined = set(re.findall(r"^def (test_\w+)", (FOLDER / name).read_text(), re.MULTILINE))
        missing = defined - collected.get(name, set())
        found += [f"{len(missing)} of {len(defined)} tests in {name}"] if missing else []
    if session.testsfailed:
        found.append(f"{session.testsfailed} that failed")
    return found
