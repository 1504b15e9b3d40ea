# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take stop_unit back: etcd's systemd unit is started. That it does not become active is told and no failure: it may
# have been down before it was stopped.
# Variables: unit, limit_s.
said=$(systemctl start --no-block "$unit" 2>&1) || stopped_by restore_unit_failed "systemctl start $unit" "$said"
down="\"$unit\""
! wait_for systemctl is-active --quiet "$unit" || down=""
result "{\"back\":[\"$unit\"],\"down\":[$down]}"
