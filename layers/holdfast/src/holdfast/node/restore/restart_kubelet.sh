# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Restart kubelet: it forgets what it saw before the restore.
# Variables: limit_s.
said=$(systemctl restart kubelet 2>&1) || stopped_by kubelet_not_active "systemctl restart kubelet" "$said"
stays_active() { # one that ends at once, for its flags or its configuration, is active for a moment
	systemctl is-active --quiet kubelet && sleep 3 && systemctl is-active --quiet kubelet
}
wait_for stays_active || give_up kubelet_not_active "kubelet does not stay active, after $limit_s s"
result '{"active":true}'
