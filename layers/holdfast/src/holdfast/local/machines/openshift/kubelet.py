"""kubelet on a host of OpenShift: runs every container of every static pod for as long as its manifest lies there.

It looks ten times a second; a real one looks every 20 seconds and is told of changes in between. Every file of the
folder without a dot in front is a manifest, whatever it ends with. A container that ends is started again: three times
at once, then once a second. Pods that came through the API are manifests in a folder of their own. It tells the API of
its node, its lease and its pods (told.py), and asks for certificates when it has none.

usage: kubelet --node-ip=ADDRESS --api-servers=ADDRESS,... [--no-api]
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from holdfast.local.machines.openshift import runtime
from holdfast.local.machines.openshift.runtime import KNOBS, Container
from holdfast.local.machines.openshift.told import Told

STATIC = Path("/etc/kubernetes/manifests")
OTHERS = Path("/etc/kubernetes/pods-of-the-api")
PODS = Path("/run/kubelet/pods")
LOOKS_S, GRACE_S, BACK_OFF_S = 0.1, 0.3, 1.0
AT_ONCE = 3


@dataclass
class Pod:
    """One manifest as it was read. `stamp` tells whether it is still that one."""

    file: str
    stamp: tuple[int, int]
    uid: str
    text: dict[str, Any]
    tried: dict[str, float] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return str(self.text["metadata"].get("namespace", "default"))

    def name(self, node: str) -> str:
        own = str(self.text["metadata"]["name"])
        return f"{own}-{node}" if Path(self.file).parent == STATIC else own

    def container(self, number: int, attempt: int, node: str) -> Container:
        spec = self.text["spec"]
        wanted = spec["containers"][number]
        paths = {each["name"]: each["hostPath"]["path"] for each in spec.get("volumes", []) if "hostPath" in each}
        env = {each["name"]: str(each.get("value", "")) for each in wanted.get("env", [])}
        mounts = [(paths[each["name"]].rstrip("/"), each["mountPath"].rstrip("/")) for each in wanted["volumeMounts"]]
        argv = (*wanted.get("command", ()), *wanted.get("args", ()))
        return Container(
            runtime.new_id(), wanted["name"], self.name(node), self.namespace, self.uid, wanted["image"], attempt, 0,
            argv, env, tuple(mounts),
        )  # fmt: skip


class Kubelet:
    def __init__(self, node: str) -> None:
        self.node = node
        self.pods: dict[str, Pod] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        for path in PODS.glob("*.json"):
            read = json.loads(path.read_text())
            self.pods[read["file"]] = Pod(read["file"], tuple(read["stamp"]), read["uid"], read["text"])

    def look(self) -> None:
        wanted = dict(_manifests())
        gone = [pod for file, pod in self.pods.items() if wanted.get(file) != pod.stamp]
        if gone:
            self._stop(gone)
        for file, stamp in wanted.items():
            if file not in self.pods and (pod := _read(file, stamp)):
                self.pods[file] = pod
                (PODS / f"{pod.uid}.json").write_text(
                    json.dumps({"file": file, "stamp": stamp, "uid": pod.uid, "text": pod.text})
                )
        for number in [number for number, child in self._children.items() if child.poll() is not None]:
            del self._children[number]
        known = runtime.containers()
        for pod in [pod for file, pod in self.pods.items() if wanted.get(file) == pod.stamp]:
            self._keep_up(pod, [each for each in known if each.uid == pod.uid])

    def _keep_up(self, pod: Pod, known: list[Container]) -> None:
        for number, wanted in enumerate(pod.text["spec"]["containers"]):
            before = next((each for each in known if each.name == wanted["name"]), None)
            if before and before.runs:
                continue
            attempt = before.attempt + 1 if before else 0
            since = time.monotonic() - pod.tried.get(wanted["name"], 0.0)
            if attempt > AT_ONCE and since < BACK_OFF_S:
                continue
            for volume in pod.text["spec"].get("volumes", []):
                if "hostPath" in volume and not Path(volume["hostPath"]["path"]).exists():
                    Path(volume["hostPath"]["path"]).mkdir(parents=True, mode=0o700)
            pod.tried[wanted["name"]] = time.monotonic()
            made, child = runtime.started(pod.container(number, attempt, self.node))
            self._children[made.pid] = child
            if before:
                runtime.forget(before)

    def _stop(self, pods: list[Pod]) -> None:
        """All at once, so that one that takes its time holds up no other. What is held is looked at again later."""
        going = [each for each in runtime.containers() if each.uid in {pod.uid for pod in pods}]
        going = [each for each in going if not (KNOBS / f"hold.{each.name}").exists()]
        for each in going:
            runtime.end(each, signal.SIGTERM)
        until = time.monotonic() + GRACE_S
        while any(self._runs(each) for each in going) and time.monotonic() < until:
            time.sleep(0.02)
        for each in going:
            runtime.end(each, signal.SIGKILL)
            while self._runs(each):
                time.sleep(0.01)
            runtime.forget(each)
        left = {each.uid for each in runtime.containers()}
        for pod in pods:
            if pod.uid not in left:
                del self.pods[pod.file]
                (PODS / f"{pod.uid}.json").unlink(missing_ok=True)

    def _runs(self, container: Container) -> bool:
        if child := self._children.get(container.pid):
            child.poll()
        return container.runs

    def told(self) -> list[dict[str, Any]]:
        """The mirror pods of what runs here, with the status of each container."""
        known = runtime.containers()
        return [self._mirror(pod, [each for each in known if each.uid == pod.uid]) for pod in self.pods.values()]

    def _mirror(self, pod: Pod, known: list[Container]) -> dict[str, Any]:
        statuses = []
        for wanted in pod.text["spec"]["containers"]:
            found = next((each for each in known if each.name == wanted["name"]), None)
            runs = found is not None and found.runs
            waiting = "CrashLoopBackOff" if found and found.attempt >= AT_ONCE else "ContainerCreating"
            state: dict[str, Any] = {"running": {}} if runs else {"waiting": {"reason": waiting}}
            restarts = found.attempt if found else 0
            status = {"name": wanted["name"], "image": wanted["image"], "ready": runs, "restartCount": restarts}
            statuses.append({**status, "state": state})
        ready = "True" if all(each["ready"] for each in statuses) else "False"
        metadata = pod.text["metadata"]
        notes = {"kubernetes.io/config.source": "file", "kubernetes.io/config.mirror": pod.uid}
        named = {"name": pod.name(self.node), "namespace": pod.namespace, "labels": metadata.get("labels", {})}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**named, "annotations": {**metadata.get("annotations", {}), **notes}},
            "spec": {"nodeName": self.node, "hostNetwork": True, "containers": [
                {"name": each["name"], "image": each["image"]} for each in pod.text["spec"]["containers"]
            ]},
            "status": {"phase": "Running" if known else "Pending", "containerStatuses": statuses,
                       "conditions": [{"type": "Ready", "status": ready}]},
        }  # fmt: skip


def _manifests() -> list[tuple[str, tuple[int, int]]]:
    found = []
    for folder in (STATIC, OTHERS):
        for path in sorted(folder.glob("[!.]*")):
            with contextlib.suppress(FileNotFoundError):
                seen = path.stat()
                if path.is_file():
                    found.append((str(path), (seen.st_mtime_ns, seen.st_ino)))
    return found


def _read(file: str, stamp: tuple[int, int]) -> Pod | None:
    """None for what is no pod, yet or at all: it is looked at again."""
    try:
        text = yaml.load(Path(file).read_text(), Loader=yaml.SafeLoader)  # JSON is YAML
        wanted = [text["spec"]["containers"], text["metadata"]["name"]]
        if text["kind"] != "Pod" or not all(wanted):
            raise ValueError("no pod")
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"could not process manifest file {file}: {error!r}\n")
        time.sleep(LOOKS_S)
        return None
    for each in text["spec"]["containers"]:
        each.setdefault("volumeMounts", [])
    return Pod(file, stamp, uuid.uuid4().hex, text)


def main() -> None:
    if "--version" in sys.argv:
        sys.stdout.write("Kubernetes v1.31.0\n")
        return
    flags = dict(each.removeprefix("--").partition("=")[::2] for each in sys.argv[1:])
    PODS.mkdir(parents=True, exist_ok=True)
    kubelet = Kubelet(os.uname().nodename)
    if "no-api" not in flags:
        Told(kubelet.node, flags["node-ip"], flags["api-servers"].split(","), kubelet.told).start()
    while True:
        kubelet.look()
        time.sleep(LOOKS_S)


if __name__ == "__main__":
    main()
