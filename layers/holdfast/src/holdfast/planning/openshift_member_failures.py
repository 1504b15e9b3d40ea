"""What the codes mean that the scripts give up with by which a member of OpenShift's etcd is replaced.

As planning/restore_failures.py: none of them has harmed anything, and each can be run again.
"""

from holdfast.errors import PermanentError, RefusedError
from holdfast.planning.node_failures import meanings

_RESUME = "then resume the run."
_DESCRIBE = "`oc describe machine -n openshift-machine-api` has the provider's words"
_REFUSED: dict[str, str] = {
    "member_host_awaited": f"Do what the message says, in its order; {_RESUME}",
    "member_returned": "Nothing was removed. Look again in some minutes: holdfast member status.",
}
_PERMANENT: dict[str, str] = {
    "member_not_joined": "`oc get pods -n openshift-etcd` and `oc logs -n openshift-etcd-operator deploy/etcd-operator`"
    f" say why. A member that crashes on old data is replaced by a run of its own; otherwise mend it, {_RESUME}",
    "members_not_settled": f"`oc get etcd cluster -o yaml` says what its operator waits for; mend it, {_RESUME}",
    "openshift_machine_not_ready": f"{_DESCRIBE}, and `oc get csr` what a new node waits for; mend it, {_RESUME}",
    "openshift_machine_refused": f"The message has the API's own words; mend it, {_RESUME}",
    "openshift_machine_stays": f"{_DESCRIBE}. A host that is gone for good: take the finalizer "
    f"machine.machine.openshift.io off the Machine, {_RESUME}",
    "openshift_machine_unknown": "`oc get machines -n openshift-machine-api`: somebody removed it. Make a new plan.",
    "openshift_machine_unreadable": "Write the new manifest by hand, and create it: oc apply -f. Then make a new plan.",
}

FAILURES = meanings({RefusedError: _REFUSED, PermanentError: _PERMANENT})
