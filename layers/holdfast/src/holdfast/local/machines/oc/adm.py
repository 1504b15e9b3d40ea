"""oc adm: certificate approve, certificate deny, wait-for-stable-cluster."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from holdfast.local.machines.oc.arguments import kind_of
from holdfast.local.machines.oc.client import Api, Object
from holdfast.local.machines.oc.failures import OcError, RefusedError

# The real one asks every ten seconds; its own tests of other things would take as long.
_ASK_S = 0.5
_VERDICTS = {"approve": ("Approved", "approved", "approve"), "deny": ("Denied", "denied", "deny")}
_TRIES = 10


def adm(api: Api, options: argparse.Namespace) -> None:
    match options.words[1:]:
        case ["certificate", ("approve" | "deny") as verdict, *names] if names:
            for name in names:
                _decide(api, name.removeprefix("csr/"), verdict)
        case ["wait-for-stable-cluster"]:
            _wait_until_stable(api, options)
        case words:
            raise OcError(f'error: unknown command "{" ".join(words)}" for "oc adm"')


def help_of(words: list[str]) -> str:
    """Of the last word that is a command: whoever asks about one that there is not is shown what stands above it."""
    if words[:2] == ["adm", "wait-for-stable-cluster"]:
        options = "    --minimum-stable-period=5m0s\n    --timeout=1h0m0s\n"
        return f"Options:\n{options}\nUsage:\n  oc adm wait-for-stable-cluster [options]\n"
    if words[0] == "adm":
        return "Available Commands:\n  certificate\n  wait-for-stable-cluster\n\nUsage:\n  oc adm [options]\n"
    return f"Usage:\n  oc {words[0]} [options]\n"


def _decide(api: Api, name: str, verdict: str) -> None:
    kind = kind_of("csr")
    condition, done, verb = _VERDICTS[verdict]
    for _ in range(_TRIES):
        value = api.get(kind, "", name)
        conditions = value.setdefault("status", {}).setdefault("conditions", [])
        if any(each["type"] == condition for each in conditions):
            break
        said = {"reason": f"Kubectl{verb.capitalize()}", "status": "True", "type": condition}
        conditions.append({**said, "message": f"This CSR was {done} by kubectl certificate {verb}."})
        try:
            api.replace(kind, "", value, "approval")
            break
        except RefusedError as error:
            if error.reason != "Conflict":
                raise
    else:
        raise OcError(f"error: {kind.resource} {name}: it was changed too often")
    sys.stdout.write(f"{kind.called}/{name} {done}\n")


def _wait_until_stable(api: Api, options: argparse.Namespace, clock: Callable[[], float] = time.monotonic) -> None:
    """Every operator available, not progressing and not degraded, for longer than the period. An API server that does
    not answer is asked again."""
    deadline, since = clock() + options.timeout, None
    while True:
        unstable = _unstable(api)
        now = clock()
        if unstable:
            since = None
            sys.stdout.write("".join(f"{each}\n" for each in unstable))
        elif since is None:
            since = now
            sys.stdout.write(f"All clusteroperators became stable at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n")
        else:
            sys.stdout.write(f"All clusteroperators are still stable after {round(now - since)}s\n")
        sys.stdout.flush()
        if since is not None and now - since >= options.minimum_stable_period:
            sys.stdout.write("All clusteroperators are stable\n")
            return
        if now >= deadline:
            raise OcError("error: timed out waiting for the condition")
        time.sleep(min(_ASK_S, deadline - now))


def _unstable(api: Api) -> list[str]:
    try:
        operators = api.items(kind_of("clusteroperator"))
    except OcError as error:
        return [f"failed to list clusteroperators: {error}"]
    found = [(each["metadata"]["name"], _reasons(each)) for each in operators]
    return [f"clusteroperators/{name} is {' and '.join(why)}" for name, why in found if why]


def _reasons(operator: Object) -> list[str]:
    says = {each["type"]: each["status"] for each in operator.get("status", {}).get("conditions", [])}
    wanted = (("Available", "True", "unavailable"), ("Progressing", "False", "progressing"))
    return [word for name, good, word in (*wanted, ("Degraded", "False", "degraded")) if says.get(name) != good]
