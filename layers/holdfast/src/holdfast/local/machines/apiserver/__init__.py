"""A stand-in for kube-apiserver, started by a machine's kubelet by the flags in its manifest.

It is a double. What it does for real: TLS with the node's certificates, clients known by theirs (the groups
system:masters, which may ask as somebody else, and system:nodes), and every object in the etcd that --etcd-servers
names, under the key that Kubernetes has for it below --etcd-prefix, read linearizably by the first member that
answers; /readyz is 200 only while one answers so. The kinds are those of kinds.py, of Kubernetes and of OpenShift:
get, list with selectors, watch, create, replace, merge patch, delete with finalizers, the subresources status and
approval, versions that conflict, generations, tables, discovery. tests/contract/test_openshift_api.py holds it to what
a real API server does with the same requests.

What it leaves out: schemas and their checks; writing Kubernetes' protobuf (its own objects are JSON; of one that a
real API server wrote it shows the name, and the data of a ConfigMap); admission, strategic and JSON patches, paging,
server-side apply, grace periods of pods, encryption, garbage collection, RBAC, controllers. A node is Ready while its
lease is younger than --node-monitor-grace-period (40s); one without a lease is what its status says.

It runs on a machine that has a Python and these sources and nothing else, so it imports the standard library alone.
"""
