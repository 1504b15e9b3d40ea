"""kubeadm: static pods of kubelet, certificates below one folder, and a ConfigMap that says what was asked for."""
