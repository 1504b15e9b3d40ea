# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Stop etcd's systemd unit, and wait until it is inactive.
# Variables: unit, limit_s.
unit_is_down() {
	case $(systemctl is-active "$unit") in inactive | failed | unknown) ;; *) return 1 ;; esac
}
said=$(systemctl stop "$unit" 2>&1) || stopped_by restore_unit_failed "systemctl stop $unit" "$said"
wait_for unit_is_down || give_up restore_unit_failed "$unit is not inactive after $limit_s s"
result "{\"unit\":\"$unit\"}"
