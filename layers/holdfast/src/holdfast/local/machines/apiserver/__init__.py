"""A stand-in for kube-apiserver, started by a machine's kubelet by the flags in its manifest.

It is a double. What it does for real: TLS with the node's certificates, clients known by theirs (the groups
system:masters and system:nodes), and every object in the etcd member that --etcd-servers names, under the key that
Kubernetes has for it, read linearizably; /readyz is 200 only while that member answers so. What it leaves out: every
kind but nodes, namespaces, ConfigMaps and leases; writing Kubernetes' protobuf (its own objects are JSON; of one that
a real API server wrote it shows the name, and the data of a ConfigMap); admission, patches, paging, selectors beside
metadata.name, encryption, garbage collection, RBAC. A node is Ready while its lease is younger than a node
controller's grace of 40 seconds.

It runs on a machine that has a Python and these sources and nothing else, so it imports the standard library alone.
"""
