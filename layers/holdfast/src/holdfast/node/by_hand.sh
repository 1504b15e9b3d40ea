# shellcheck shell=sh
# What the scripts of a restore tell a person. Each runs in a subshell, so that it ends and the terminal stays.

result() {
	printf '%s\n' "$1"
}

give_up() {
	printf 'STOP: %s: %s\n' "$1" "$2" >&2
	exit 1
}
