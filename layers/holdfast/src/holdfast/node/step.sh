# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# Start, find, or cancel one step. A step is the directory $steps/$key; whoever makes it runs the step, everybody else
# finds what became of it. Answers with one line of JSON, then what the step printed.
#
# Set before this text: action (start, cancel or key), steps, key, and for start: body (the script), secrets (shell
# assignments) or sealed and sealed_pass (the same for the key that `key` made), timeout_s, wait (1: until it ended),
# limit and err_limit (bytes of output in the answer). grace_s: how long a script may clean up after its time is over.
set -u
umask 077
LC_ALL=C
export LC_ALL
dir=$steps/$key
boot_id=$(cat /proc/sys/kernel/random/boot_id)

answer() { # STATE [MORE JSON]
	printf '{"holdfast":"step","state":"%s"%s}\n' "$1" "${2:-}"
}

give_up() { # CODE MESSAGE
	answer failed ",\"code\":\"$1\",\"message\":\"$2\""
	exit 0
}

born() { # PID: when it started, in ticks since boot; the program's name in the file may hold anything
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# shellcheck disable=SC2086 # split into words on purpose
	set -- ${stat##*) }
	case $1 in Z | X) return 1 ;; esac # dead, and its parent has not looked yet
	shift 19
	echo "$1"
}

alive() { # DIRECTORY: its process is the one that was started, not another one under the same number
	{ read -r pid since boot <"$1/process"; } 2>/dev/null || return 1
	[ "$boot" = "$boot_id" ] && [ "$(born "$pid")" = "$since" ]
}

plain() { # what a terminal, JSON and Systems Manager all keep as it is, one byte for one byte
	tr -c '\11\12\40-\176' '?'
}

last_said() { # the last line of the file `saying` that is none of blanks, for between quotes; a bar that moves ends with CR
	[ -f "$dir/saying" ] || return 0
	tail -c 4096 "$dir/saying" | tr '\11\15' ' \12' | plain | grep '[^ ]' | tail -n 1 | cut -c 1-200 | sed 's/["\\]/\\&/g'
}

# Processes of a session that have left its group, as what timeout(1) runs does. A text, as the step's own shell needs it.
# shellcheck disable=SC2016 # whoever evaluates it expands it
strays='strays() { # SIGNAL SESSION
	signal=$1 session=$2
	for each in /proc/[0-9]*; do
		{ read -r stat <"$each/stat"; } 2>/dev/null || continue
		set -- ${stat##*) }
		if [ "${4:-}" = "$session" ] && [ "$3" != "$session" ]; then kill "-$signal" "${each#/proc/}" 2>/dev/null; fi
	done
}'
eval "$strays"

forget() { # DIRECTORY: with what the step noted that it leaves elsewhere
	if [ -f "$1/leftovers" ]; then
		while IFS= read -r path; do rm -rf -- "$path"; done <"$1/leftovers"
	fi
	rm -rf -- "$1" "$1.key"
}

end() { # DIRECTORY: stop its whole session with a signal that the script's own trap may clean up after
	tries=0
	until [ -f "$1/process" ] || [ $tries -eq 5 ]; do # it was made a moment ago
		sleep 1
		tries=$((tries + 1))
	done
	if alive "$1"; then
		strays TERM "$pid"
		kill -TERM "-$pid" 2>/dev/null
		tries=0
		while alive "$1" && [ $tries -lt 10 ]; do
			sleep 1
			tries=$((tries + 1))
		done
		strays KILL "$pid" # nobody else is given that number as long as one of them is there
		alive "$1" && kill -KILL "-$pid" 2>/dev/null
	fi
	forget "$1"
}

show() {
	if [ -f "$dir/code" ]; then
		out=$(wc -c <"$dir/out")
		err=$(wc -c <"$dir/err")
		answer finished ",\"exit_code\":$(cat "$dir/code"),\"stdout_bytes\":$((out)),\"stderr_bytes\":$((err))"
		head -c "$limit" "$dir/out" | plain
		echo
		tail -c "$err_limit" "$dir/err" | plain
	elif alive "$dir"; then
		so_far=0 total=0
		[ ! -f "$dir/progress" ] || read -r so_far total <"$dir/progress"
		answer running ",\"done\":$((so_far)),\"total\":$((total)),\"said\":\"$(last_said)\""
		return 1
	elif [ -f "$dir/code" ]; then # it ended between the two looks
		show
	elif [ -d "$dir" ] && [ ! -f "$dir/process" ] && [ -z "$(find "$dir" -maxdepth 0 -mmin +1)" ]; then
		# Whoever made the directory a moment ago has not noted its process yet.
		answer running ',"done":0,"total":0'
		return 1
	else
		forget "$dir"
		answer lost
	fi
}

sweep() { # steps that nobody asked about for two days
	find "$steps" -mindepth 1 -maxdepth 1 -type d -mmin +2880 | while IFS= read -r old; do
		alive "$old" || forget "$old"
	done
}

unseal() {
	openssl pkeyutl -decrypt -inkey "$dir.key/private.pem" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
		-in "$dir/sealed_pass" -out "$dir/pass" &&
		openssl enc -d -aes-256-cbc -md sha256 -pbkdf2 -iter 10000 -pass "file:$dir/pass" -in "$dir/sealed" -out "$dir/secrets"
}

launch() {
	printf '%s\n' "$body" >"$dir/script" || {
		forget "$dir"
		give_up node_disk_full "the step cannot be written into $dir"
	}
	if [ -n "${sealed:-}" ]; then
		printf '%s\n' "$sealed" | base64 -d >"$dir/sealed"
		printf '%s\n' "$sealed_pass" | base64 -d >"$dir/sealed_pass"
		unseal 2>"$dir/err" || {
			forget "$dir"
			give_up node_unseal_failed "the node could not open what was sealed for it"
		}
		rm -rf "$dir.key" "$dir/sealed" "$dir/sealed_pass" "$dir/pass"
	else
		printf '%s\n' "${secrets:-}" >"$dir/secrets"
	fi
	# A child of this shell's child: no shell shall tell how it ended.
	# shellcheck disable=SC2016 # the inner shell expands it
	(setsid sh -c '
		cd "$1" || exit
		stat=$(cat /proc/$$/stat)
		since=$(set -- ${stat##*) }; shift 19; echo "$1")
		echo "$$ $since $3" >process.new && mv process.new process
		# A script that was killed could not do this itself. What it makes for itself alone is in ./work.
		tidy() {
			rm -f store-ca.pem
			rm -rf secrets work || { sleep 1 && rm -rf secrets work; } # what was just ended may still write there
			[ ! -f leftovers ] || while IFS= read -r path; do rm -rf -- "$path"; done <leftovers
		}
		eval "$5"
		trap : TERM
		nice sh ./script >out 2>err </dev/null &
		child=$!
		# The guard outlives a script that hangs; both are of one session, so that one signal ends all of it.
		(
			sleep "$2"
			trap "" TERM
			echo 124 >expired.new && mv expired.new expired
			strays TERM $$
			kill -TERM -$$
			sleep "$4"
			strays KILL $$
			tidy
			mv expired code
			kill -KILL -$$
		) >/dev/null 2>&1 &
		wait $child
		code=$?
		while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
		trap "" TERM
		strays TERM $$
		kill -TERM -$$
		tidy
		[ -f expired ] && code=124
		echo $code >code.new && mv code.new code
	' holdfast-step "$dir" "$timeout_s" "$boot_id" "${grace_s:-10}" "$strays" </dev/null >/dev/null 2>&1 &)
}

make_key() { # of two that ask at once, both get the key of whoever links first; or the state, if it was used meanwhile
	command -v openssl >/dev/null || give_up node_tool_missing "openssl is not on the node"
	mkdir -p "$dir.key"
	if ! [ -s "$dir.key/private.pem" ]; then
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir.key/$$" 2>/dev/null
		ln "$dir.key/$$" "$dir.key/private.pem" 2>/dev/null
		rm -f "$dir.key/$$"
	fi
	public=$(openssl pkey -in "$dir.key/private.pem" -pubout 2>/dev/null | grep -v -e ----- | tr -d '\n')
	if [ -d "$dir" ]; then
		show
	elif [ -z "$public" ]; then
		give_up node_unseal_failed "openssl made no key"
	else
		answer key ",\"public_key\":\"$public\""
	fi
}

mkdir -p "$steps" 2>/dev/null || give_up node_work_dir "the directory $steps cannot be made"
case $action in
cancel)
	case $key in
	*.) set -- "$dir"* ;; # every step whose key begins so
	*) set -- "$dir" ;;
	esac
	for each in "$@"; do
		each=${each%.key}
		if [ -d "$each" ]; then end "$each" & else rm -rf "$each.key"; fi
	done
	wait
	answer none
	;;
key) if [ -d "$dir" ]; then show; else make_key; fi ;;
start)
	if mkdir "$dir" 2>/dev/null; then
		sweep
		launch
	fi
	[ -d "$dir" ] || give_up node_work_dir "the directory $dir cannot be made; is the disk full?"
	while :; do
		said=$(show && echo .) && break
		[ "$wait" = 1 ] || break
		sleep 1
	done
	printf '%s\n' "${said%.}"
	;;
esac
