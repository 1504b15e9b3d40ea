"""Grants of the template that no test of tests/e2e uses, each with the reason why it is there all the same.

An entry that covers a grant that is used after all fails the comparison, so the list cannot grow old.
"""

import re
from dataclasses import dataclass

from builders.iam_record import Grant


@dataclass(frozen=True, order=True)
class Unused:
    """Regular expressions over the parts of a grant, whole. `sometimes`: a test stops or kills what is at work, and
    what comes first decides who cleans up."""

    owner: str
    action: str
    resource: str
    reason: str
    sometimes: bool = False

    def covers(self, grant: Grant) -> bool:
        parts = ((self.owner, grant.owner), (self.action, grant.action), (self.resource, grant.resource))
        return all(re.fullmatch(pattern, text) for pattern, text in parts)


UNUSED: tuple[Unused, ...] = (
    Unused("TelemetryPolicy", ".*", ".*", "the gate checks no logs and traces"),
    Unused(".*StateMachineRole", "(logs|xray):.*", ".*", "the gate checks no logs and traces"),
    Unused("VpcPolicy", ".*", ".*", "only in a VPC (InVpc); the embedded stack has none"),
    Unused(
        ".*Store(Credentials|Roles)Policy",
        ".*",
        ".*",
        "only for stores of one's own (HasStoreCredentials, HasStoreRoles)",
    ),
    Unused(
        ".*ReplicationPolicy", ".*", ".*", "only with copies; it is S3 that copies, and the embedded stack does not"
    ),
    Unused("Notify(Slack|Webhook)Role", ".*", ".*", "only with the name of a secret that holds their URL"),
    Unused(".*", "s3:.*", r".*/snapshot\.db\.gz", "for nodes without zstd (tests/unit/node); the test nodes have it"),
    Unused(
        "RestoreReportRole",
        "states:(DescribeExecution|StartExecution)",
        ".*",
        "for the fresh backup after a restore of OpenShift; the clusters of the embedded stack have kubeadm",
    ),
    Unused(
        "(BackupSeal|BackupVerify|RestoreApproval)Role",
        "s3:ListBucket",
        "SnapshotsBucket.Arn",
        "without it S3 says 403 of an object that is not there (GetObject); here all are",
    ),
    Unused(
        "ClusterAccessPolicy", "ssm:SendCommand", ".*:instance/.*", "for nodes on EC2; the test nodes are hybrid ones"
    ),
    Unused(
        "RestoreStateMachineRole",
        "events:.*|states:StopExecution",
        ".*",
        "what AWS demands for startExecution.sync:2; the embedded stack looks by itself",
    ),
    Unused(
        "RestoreEndedRole",
        "dynamodb:PutItem|s3:PutObject",
        r"Table\.Arn|.*/upload\.txt",
        "a redriven execution goes on with its run (tests/template/test_restore_events.py); no redrive here",
    ),
    Unused(
        "Backup(Failed|Stopped)Role",
        "s3:(AbortMultipartUpload|DeleteObjectVersion|ListBucketVersions)",
        ".*",
        "leftovers of a run that ends in the middle (tests/scenario/test_backup_through_nodes.py)",
        sometimes=True,
    ),
    Unused(
        "(BackupSnapshot|BackupStarted|RestoreStarted)Role",
        "s3:AbortMultipartUpload",
        ".*",
        "an upload that its own function, or the cluster's next run gives up (tests/scenario/test_backup.py)",
        sometimes=True,
    ),
    Unused(
        "BackupLockRole",
        "s3:.*ObjectRetention",
        r".*/(bundle\.tar|certificates\.pem)",
        "the cluster that is locked here has no bundles (tests/unit/engine/test_locking.py)",
    ),
    Unused(
        "BackupRetainRole",
        "s3:(DeleteObjectVersion|GetObject(LegalHold|Retention))",
        r".*/(damaged\.json|manifest\.sig|catalog/\*\.(accept|d\.\*))",
        "those that go here are whole, nobody accepted or signed them (tests/scenario/test_retention.py)",
    ),
    Unused(
        "BackupVerifyRole",
        "s3:GetObject",
        r".*/verified\.json",
        "Verify a second time, which finds its own report (tests/scenario/test_backup.py)",
    ),
    Unused(
        "BreakGlassRole",
        "dynamodb:UpdateItem",
        r"Table\.Arn",
        "the lease is renewed before each backup that goes; by hand none does here (tests/scenario/test_retention.py)",
    ),
    Unused(
        "CheckFreshnessRole",
        "kms:Decrypt|s3:GetObject",
        r"SnapshotsKey\.Arn|.*/verified\.json",
        "two reports are read when a listing says that resources are gone (tests/unit/engine/test_freshness.py)",
    ),
    Unused("CheckFreshnessRole", "s3:ListBucket", "ReplicaSnapshotsBucketArn", "only with copies"),
    Unused("ClusterAccessPolicy", "ssm:CancelCommand", ".*", "runs that are stopped here reach their nodes over SSH"),
    Unused(
        "RestoreStoppedRole",
        "s3:PutObject",
        r".*/upload\.txt",
        "a restore that is stopped in its emergency backup (tests/scenario/test_restore_faults.py)",
        sometimes=True,
    ),
    Unused(
        "ScheduleRole", ".*", ".*", "schedules fire in holdfast demo, whose stack keeps its own record (test_demo.py)"
    ),
    Unused(
        "BackupVerifyRole",
        "s3:PutObject",
        r".*/damaged\.json|.*/catalog/\*\.d\.\*",
        "a damaged snapshot (tests/scenario/test_backup.py)",
    ),
)


def reason_for(grant: Grant) -> str | None:
    return next((each.reason for each in UNUSED if each.covers(grant)), None)
