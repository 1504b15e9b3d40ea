"""Templates for -o jsonpath=, over a list of two objects, with what kubectl prints."""

from typing import Any

LABEL = "node-role.kubernetes.io/master"
ITEMS: list[dict[str, Any]] = [
    {
        "apiVersion": "operator.openshift.io/v1",
        "kind": "Etcd",
        "metadata": {"name": "contract-path-a", "labels": {"contract": "path", LABEL: ""}},
        "spec": {"count": 3, "flag": True, "text": "a <b> & c", "list": [1, 2, 3], "map": {"z": 1, "a": {"b": "c"}}},
        "status": {
            "conditions": [
                {"type": "EtcdMembersAvailable", "status": "True", "message": "3 members are available"},
                {"type": "NodeInstallerProgressing", "status": "False", "reason": "AllNodesAtLatestRevision"},
            ]
        },
    },
    {
        "apiVersion": "operator.openshift.io/v1",
        "kind": "Etcd",
        "metadata": {"name": "contract-path-b", "labels": {"contract": "path"}},
        "spec": {
            "count": 11,
            "list": [],
            "nodes": [{"name": "n1", "taints": [{"key": "x"}, {"key": "y"}]}, {"name": "n2"}],
        },
    },
]
INSTALLER = '.items[0].status.conditions[?(@.type=="NodeInstallerProgressing")]'
LIST: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": ITEMS, "metadata": {"resourceVersion": ""}}

CASES = {
    "{.items[0].metadata.name}": "contract-path-a",
    "{.items[*].metadata.name}": "contract-path-a contract-path-b",
    "{.items[-1].metadata.name}": "contract-path-b",
    "{.items[0:1].metadata.name}": "contract-path-a",
    "{$.items[0].kind}": "Etcd",
    "{.items[0]['kind']}": "Etcd",
    "{.items[0]['kind','apiVersion']}": "Etcd operator.openshift.io/v1",
    "{.items[0].spec.list[0,2]}": "1 3",
    "{.items[0].spec.list[::2]}": "1 3",
    "{.items[0].spec.list}": "[1,2,3]",
    "{.items[0].spec.map}": '{"a":{"b":"c"},"z":1}',
    "{.items[0].spec.text}": "a <b> & c",
    "{.items[0].spec.flag}": "true",
    "{.items[*].spec.count}": "3 11",
    "{.items[0].spec.map.a.b.c.d}": "",
    "{.items[1].status.conditions[*].type}": "",
    '{.items[1].status.conditions[?(@.type=="x")].type}': "",
    '{.items[0].status.conditions[?(@.type=="EtcdMembersAvailable")].message}': "3 members are available",
    '{.items[0].status.conditions[?(@.type=="nothing")].message}': "",
    '{.items[0].status.conditions[?(@.type!="EtcdMembersAvailable")].type}': "NodeInstallerProgressing",
    "{.items[0].status.conditions[?(@.reason)].type}": "NodeInstallerProgressing",
    "{.items[?(@.spec.count>3)].metadata.name}": "contract-path-b",
    '{.items[?(@.metadata.name=="contract-path-b")].spec.count}': "11",
    r"{.items[0].metadata.labels.node-role\.kubernetes\.io/master}{'x'}": "x",
    r'{.items[*].metadata.labels.contract}{"\n"}': "path path\n",
    'a{"\\t"}b{"\\n"}': "a\tb\n",
    r"no\n": r"no\n",
    ".items[0].kind": ".items[0].kind",
    '{range .items[*]}{.metadata.name}{"\\t"}{.spec.count}{"\\n"}{end}': "contract-path-a\t3\ncontract-path-b\t11\n",
    '{range .items[*]}{@.status.conditions[0].type}{";"}{end}': "EtcdMembersAvailable;;",
    '{range .items[*]}{range .spec.nodes[*]}{" "}{.name}{range .taints[*]}{"-"}{.key}{end}{end}{"\\n"}{end}': (
        "\n n1-x-y n2\n"
    ),
    f'{{range {INSTALLER}}}{{.reason}}{{"\\n"}}{{.message}}{{"\\n"}}{{end}}': "AllNodesAtLatestRevision\n\n",
    f'{{range {INSTALLER}}}{{.reason}}{{"\\n"}}': "AllNodesAtLatestRevision\n\n",
    '{range .items[1].spec.list[*]}{"x"}{end}y': "y",
    '{.items[0].kind}{" "}{.items[1].kind}': "Etcd Etcd",
    "{..taints[*].key}": "x y",
}

REFUSED = {
    "{.items[7].kind}": "array index out of bounds: index 7, length 2",
    "{.items[1].spec.list[0]}": "array index out of bounds: index 0, length 0",
    "{.items[0": "unterminated array",
    "{.kind": "unclosed action",
    "{end}": "not in range, nothing to end",
    "{kind}": "unrecognized identifier kind",
    "{.kind[0]}": "is not array or slice",
}
