"""Control-plane hosts of OpenShift, written from what is known of the vendor's, as machines with a real etcd.

They are doubles. What they do for real: an etcd member with TLS per host, static pods of several containers that start
and end with their manifests, the vendor's scripts with their order, outputs and ways to fail (in words of ours, per
generation), restores by a real `etcdctl snapshot restore` in a pod, objects in etcd behind an API server of ours, and
operators that move revisions and conditions. What they leave out: RHCOS, SELinux, cri-o, every operator but those of
the control plane, revisions that are put ahead of everything seen (the etcd here knows no --bump-revision and no
--force-new-cluster-bump-amount; what a pod would have asked for is in its log).

`kubelet.py`, `crictl.py` and `runtime.py` run on the machines, with the standard library and PyYAML alone.
"""
