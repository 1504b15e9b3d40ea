# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Restart kubelet: it forgets what it saw before the restore.
# Variables: limit_s.
said=$(systemctl restart kubelet 2>&1) || stopped_by kubelet_not_active "systemctl restart kubelet" "$said"
wait_for systemctl is-active --quiet kubelet || give_up kubelet_not_active "kubelet is not active after $limit_s s"
result '{"active":true}'
