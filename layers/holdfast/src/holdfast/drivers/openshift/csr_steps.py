"""The steps in which kubelets' certificate signing requests are approved: client certificates first, as a kubelet
without one cannot ask for a serving certificate. Each is a step in rounds; planning/csr.py decides over every request.

Facts: distributions' post-restore procedure lists and approves in these two waves (`oc get csr`, `oc describe csr`, `oc
adm certificate approve`); signers and requestors are those of models/csr.py and planning/csr.py.
"""

from collections.abc import Iterable

from holdfast.drivers.timeouts import SLACK_S
from holdfast.models.csr import CLIENT_SIGNER, SERVING_SIGNER
from holdfast.models.restore import ChangePhase, NodeCommand, RestoreStep

# How long one round waits for an API that does not answer; how long nothing may come before a wave is over; how long a
# wave may take at all.
ANSWER_S = 300
QUIET_S = 60
QUIET_UNREADY_S = 300
WAVE_S = 1200
_BY_HAND = """ask_oc get csr
echo "export KUBECONFIG=$oc_config"
echo "See each that is Pending, of $signers: oc describe csr NAME"
echo "Is it that node's own, of names and addresses that you know, and made a moment ago?"
echo "Then: oc adm certificate approve NAME"
echo "Leave alone what you do not know. Again, until none comes."
"""


def csr_steps(
    host: str,
    *,
    phase: ChangePhase = "Finished",
    named: Iterable[str] = (),
    wait: bool = True,
    prefix: str = "",
) -> tuple[RestoreStep, ...]:
    """`host` is a control-plane host, whose API server is asked. `named` are nodes that need not be there yet: only who
    names them says that they are to come. `wait`: until every node is Ready, or nothing has come for five minutes;
    else until nothing comes for a minute. `prefix` makes names of their own where a plan has the steps twice."""
    awaited = " ".join(named)
    common = {"awaited": awaited, "named": awaited, "limit_s": str(ANSWER_S), "most_s": str(WAVE_S)}
    quiet = QUIET_UNREADY_S if wait or awaited else QUIET_S
    return (
        _wave(
            host,
            f"{prefix}csrs-client",
            "client certificates",
            phase,
            common | {"signers": CLIENT_SIGNER, "quiet_s": str(quiet), "until_ready": "1"},
        ),
        _wave(
            host,
            f"{prefix}csrs-serving",
            "serving certificates",
            phase,
            common | {"signers": SERVING_SIGNER, "quiet_s": str(QUIET_S), "until_ready": "0"},
        ),
    )


def _wave(host: str, name: str, what: str, phase: ChangePhase, values: dict[str, str]) -> RestoreStep:
    return RestoreStep(
        name=name,
        phase=phase,
        title=f"Approve the kubelets' requests for {what}, each that passes the checks and no other",
        script="openshift/csr_round",
        commands=(NodeCommand(node=host, values=values),),
        timeout_s=4 * ANSWER_S + SLACK_S,
        done_when="no request that may be approved waits, and none comes any more",
        rounds="csrs",
        by_hand=_BY_HAND,
    )
