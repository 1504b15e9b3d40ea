# shellcheck shell=sh
# Goes before survey.sh and etcd_facts.sh: what they print is sections with their lengths, packed into two lines.
#
#   FORMAT gzip LENGTH     the format's name, how it is packed, and the length of what was packed
#   BASE64                 of the gzipped sections; "plain" instead of "gzip" means that the sections follow as they are
#
# A section is "== NAME LENGTH", a line feed, that many bytes of printable ASCII, a line feed.
set -u
LC_ALL=C
# Neither sudo nor Systems Manager's agent looks where administrators and Flatcar put crictl and etcdctl.
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/opt/bin:/usr/sbin:/sbin
export LC_ALL PATH

plain() { # one byte stays one byte, and the password in a proxy's URL stays here
	tr -c '\11\12\40-\176' '?' | sed 's|://[^/@[:space:]]*@|://hidden@|g'
}

section() { # NAME, with its bytes on standard input
	text=$(plain && echo .)
	text=${text%.}
	printf '== %s %s\n%s\n' "$1" "${#text}" "$text"
}

pack() { # FORMAT, with the sections on standard input
	body=$(cat && echo .)
	body=${body%.}
	if command -v gzip >/dev/null && command -v base64 >/dev/null; then
		printf '%s gzip %s\n' "$1" "${#body}"
		printf '%s' "$body" | gzip -9 | base64 | tr -d '\n'
		echo
	else
		printf '%s plain %s\n%s' "$1" "${#body}" "$body"
	fi
}

within() { # SECONDS COMMAND...
	if command -v timeout >/dev/null; then timeout "$@"; else shift && "$@"; fi
}

arguments() { # /proc/PID: one per line
	tr '\n\0' '?\n' <"$1/cmdline"
}

flag() { # NAME: its value among the arguments on standard input, of which the last one counts
	sed -n -e "/^-\{1,2\}$1\$/{n;p;}" -e "s/^-\{1,2\}$1=//p" | tail -n 1
}

processes() { # NAME: /proc/PID of each; a process that just ended has no arguments any more
	grep -slx "$1" "${root:-}"/proc/[0-9]*/comm | while IFS= read -r comm; do
		[ -z "$(tr -d '\0' <"${comm%/comm}/cmdline" 2>/dev/null | head -c 1)" ] || echo "${comm%/comm}"
	done
}

container_of() { # /proc/PID: the id of its container, whatever the runtime
	grep -o '[0-9a-f]\{64\}' "$1/cgroup" 2>/dev/null | tail -n 1
}
