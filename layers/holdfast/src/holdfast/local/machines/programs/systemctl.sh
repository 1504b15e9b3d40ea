# shellcheck shell=sh
# systemctl on a machine: start, stop, restart, is-active and daemon-reload. A unit is a program in /etc/boot.d, and
# /run/units/NAME its process; what it started goes on when it is stopped, as containers do without their kubelet.
fatal() {
	echo "$1" >&2
	exit "${2:-1}"
}

process() { # UNIT: sets pid; whether it runs
	{ read -r pid <"/run/units/$1"; } 2>/dev/null && kill -0 "$pid" 2>/dev/null
}

known() { # UNIT
	[ -x "/etc/boot.d/$1" ] || fatal "Failed to $verb $1.service: Unit $1.service not found." 5
}

start() { # UNIT
	! process "$1" || return
	setsid "/etc/boot.d/$1" </dev/null >>"/var/log/$1.log" 2>&1 9>&- &
	echo $! >"/run/units/$1"
}

stop() { # UNIT
	process "$1" || return
	kill -TERM "$pid"
	tries=0
	while kill -0 "$pid" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || kill -KILL "$pid"
		sleep 0.05
	done
}

quiet=0 verb="" units=""
for each in "$@"; do
	case $each in
	--version) echo "systemd 252 (252.39-1)" && exit ;;
	-q | --quiet) quiet=1 ;;
	-*) ;;
	*) if [ -z "$verb" ]; then verb=$each; else units="$units ${each%.service}"; fi ;;
	esac
done

case $verb in
daemon-reload | reset-failed) exit ;;
is-active)
	status=3
	for unit in $units; do
		if process "$unit"; then said=active status=0; else said=inactive; fi
		[ $quiet = 1 ] || echo $said
	done
	exit $status
	;;
start | stop | restart)
	for unit in $units; do
		known "$unit"
		[ "$verb" = start ] || stop "$unit"
		[ "$verb" = stop ] || start "$unit"
	done
	;;
*) fatal "Unknown command verb $verb." ;;
esac
