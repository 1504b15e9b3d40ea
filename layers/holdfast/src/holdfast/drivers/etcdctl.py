"""Questions to an etcd member by the etcdctl of its node, whatever distribution runs it there."""

from typing import NamedTuple

from holdfast import node
from holdfast.drivers.timeouts import ETCD_FACTS_S
from holdfast.errors import HoldfastError, PermanentError, TransientError
from holdfast.facts.etcdctl import last_words, read_alarms, read_members, read_status, read_version
from holdfast.facts.frames import sections
from holdfast.models.command import Command, CommandResult
from holdfast.models.node import EtcdLayout, NodeEtcd

FORMAT = "holdfast-etcd-1"
# The name of the container in static pods of kubeadm and of OpenShift, which do not call it otherwise.
CONTAINER = "etcd"
# Where OpenShift has its members' pods, and no other distribution.
OPENSHIFT = "openshift-etcd"
_QUESTIONS = {
    "status": ("endpoint", "status", "-w", "json"),
    "members": ("member", "list", "-w", "json"),
    "alarms": ("alarm", "list", "-w", "json"),
    "version": ("version",),
}


class _Meaning(NamedTuple):
    sentence: str
    family: type[HoldfastError]
    code: str
    hint: str


_DATES = "See the dates of etcd's certificates (kubeadm certs check-expiration; OpenShift: secrets of openshift-etcd)."
_MEANINGS = (
    _Meaning("x509:", PermanentError, "etcd_untrusted", _DATES),
    _Meaning("bad certificate", PermanentError, "etcd_client_certificate_rejected", _DATES),
    _Meaning("tls: ", PermanentError, "etcd_client_certificate_rejected", _DATES),
    _Meaning(
        "no such file or directory",
        PermanentError,
        "node_file_missing",
        "etcd's container does not see the file, or etcdctl is not in the image.",
    ),
    _Meaning(
        "executable file not found",
        PermanentError,
        "etcd_tool_missing",
        "The image of etcd has no etcdctl; one on the host is not used for a member in a container.",
    ),
    _Meaning("permission denied", PermanentError, "etcd_permission_denied", "etcd's authentication is on."),
    _Meaning("user name is empty", PermanentError, "etcd_permission_denied", "etcd's authentication is on."),
    _Meaning("connection refused", TransientError, "etcd_unreachable", "See whether etcd runs, and its log."),
    _Meaning("no leader", TransientError, "etcd_no_leader", "Quorum is lost or an election is running."),
    _Meaning("deadline exceeded", TransientError, "etcd_timeout", "The member does not answer: see its log and disk."),
)


def facts_command(layout: EtcdLayout) -> Command:
    return Command(node.question("etcd_facts"), access(layout), timeout_s=ETCD_FACTS_S)


def access(layout: EtcdLayout) -> dict[str, str]:
    """The variables of node scripts that say how etcdctl reaches the member."""
    if layout.namespace == OPENSHIFT:
        return _access(layout, "openshift") | {"pod_namespace": layout.namespace}
    return _access(layout, "container" if layout.container else "host")


def _access(layout: EtcdLayout, how: str) -> dict[str, str]:
    return {
        "how": how,
        "etcd_name": CONTAINER,
        "endpoint": layout.client_urls[0],
        "ca": layout.ca,
        "cert": layout.cert,
        "key_file": layout.key,
    }


def argv(layout: EtcdLayout, *arguments: str) -> tuple[str, ...]:
    """etcdctl with arguments, for where there is no shell: the image's own program, etcd 3.4 or newer.

    OpenShift's pods have variables for the certificates and for all endpoints, and what an argument says beside a
    variable is an error to etcdctl.
    """
    if layout.namespace == OPENSHIFT:
        return ("env", f"ETCDCTL_ENDPOINTS={layout.client_urls[0]}", "etcdctl", *arguments)
    tls = ("--cacert", layout.ca, "--cert", layout.cert, "--key", layout.key)
    return ("etcdctl", "--endpoints", layout.client_urls[0], *tls, *arguments)


def questions(layout: EtcdLayout) -> dict[str, tuple[str, ...]]:
    return {name: argv(layout, "--command-timeout", "8s", *words) for name, words in _QUESTIONS.items()}


def read_facts(where: str, result: CommandResult, layout: EtcdLayout) -> NodeEtcd:
    """What node/etcd_facts.sh printed.

    PermanentError `etcd_tool_missing`, TransientError `node_etcd_not_running`, the codes of `read_answers`, and those
    of facts/frames.py: sections.
    """
    found = sections(f"{where}: etcd_facts", FORMAT, result)
    kind, _, problem = found.get("problem", "").strip().partition(" ")
    if kind == "tool":
        raise PermanentError(
            "etcd_tool_missing",
            f"{where}: {problem[:400]}",
            hint="Install it; for a process of the host it is etcdctl.",
        )
    if kind == "container":
        raise TransientError(
            "node_etcd_not_running",
            f"{where}: {problem[:400]}",
            hint="See `crictl ps -a` there: etcd may be restarting.",
        )
    answers = {
        name: CommandResult(
            exit_code=_code(found.get(f"{name} code", "")),
            stdout=found.get(f"{name} out", ""),
            stderr=found.get(f"{name} err", ""),
        )
        for name in _QUESTIONS
    }
    return read_answers(where, answers, layout)


def read_answers(where: str, answers: dict[str, CommandResult], layout: EtcdLayout) -> NodeEtcd:
    """The status is needed: its failure is raised, by what etcdctl said. The other answers fail without quorum."""
    asked = answers.get("status") or CommandResult(exit_code=255, stdout="")
    if asked.exit_code != 0:
        raise _failure(where, asked)
    cluster, status = read_status(f"{where}: etcdctl endpoint status", asked.stdout, layout.client_urls[0])
    failed = {name: answer for name, answer in answers.items() if answer.exit_code != 0}
    notes = tuple(f"etcdctl {' '.join(_QUESTIONS[name])}: {_words(failed[name])}" for name in sorted(failed))
    return NodeEtcd(
        node=where,
        cluster_id=cluster,
        status=status,
        members=read_members(f"{where}: etcdctl member list", text) if (text := _told(answers, "members")) else (),
        alarms=read_alarms(f"{where}: etcdctl alarm list", text) if (text := _told(answers, "alarms")) else (),
        etcdctl_version=read_version(_told(answers, "version")),
        notes=notes,
    )


def _told(answers: dict[str, CommandResult], name: str) -> str:
    answer = answers.get(name)
    return answer.stdout if answer and answer.exit_code == 0 else ""


def _code(text: str) -> int:
    return int(text) if text.strip().isdecimal() and len(text) < 6 else 255


def _words(answer: CommandResult) -> str:
    return last_words(answer.stderr) or last_words(answer.stdout) or f"exit code {answer.exit_code}, and no word"


def _failure(where: str, asked: CommandResult) -> HoldfastError:
    said = f"{asked.stderr}\n{asked.stdout}"
    text = f"{where}: etcdctl endpoint status: {_words(asked)}"
    for meaning in _MEANINGS:
        if meaning.sentence in said:
            return meaning.family(meaning.code, text, hint=meaning.hint)
    return PermanentError("etcd_error", text, hint="Run it on the node by hand; see the member's log.")
