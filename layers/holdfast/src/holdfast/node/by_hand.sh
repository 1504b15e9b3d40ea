# shellcheck shell=sh
# What the scripts of a restore tell a person. Each runs in a subshell, so that it ends and the terminal stays.

result() {
	printf '%s\n' "$1"
}

say() {
	printf '%s\n' "$1" >&2
}

aloud() { # FILE COMMAND...: what it prints is shown while it runs, and lies in FILE afterwards
	words=$1
	shift
	: >"$words"
	tail -f "$words" >&2 &
	teller=$!
	"$@" >>"$words" 2>&1
	ended=$?
	sleep 1
	kill "$teller"
	return $ended
}

give_up() {
	printf 'STOP: %s: %s\n' "$1" "$2" >&2
	exit 1
}
