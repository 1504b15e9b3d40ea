# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Start etcd's systemd unit, and wait until it is active.
# Variables: unit, limit_s.
said=$(systemctl start --no-block "$unit" 2>&1) || stopped_by restore_unit_failed "systemctl start $unit" "$said"
wait_for systemctl is-active --quiet "$unit" || give_up restore_unit_failed "$unit is not active after $limit_s s"
result "{\"unit\":\"$unit\"}"
