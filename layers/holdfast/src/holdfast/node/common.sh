# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# What the programs for a node share; node.program() puts it in front of them. Standard output gets one line of JSON and
# nothing else. A presigned URL is never in an argument or in the environment of a process: curl reads it from a pipe.
#
# Variables of a store that is not AWS's own, all of them optional: store_ca (PEM), store_proxy (http://HOST:PORT),
# put_headers ("name: value", one per line: what a single PUT must carry; parts of an upload carry none).
set -u
umask 077
LC_ALL=C
export LC_ALL
# sudo and agents leave out where container tools often are; frames.sh looks in the same places.
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/opt/bin:/usr/sbin:/sbin
if [ -f ./secrets ]; then
	# shellcheck disable=SC1091 # shell assignments, written by step.sh
	. ./secrets
	rm -f ./secrets
fi
exec 9>&1 1>&2 # the result's way out; whatever a tool prints by the way is no result
: "${retry_pause_s:=2}" "${renew_pause_s:=60}" "${environment_file:=/etc/environment}"
TRIES=5
warnings=""
: "${store_ca:=}" "${store_proxy:=}" "${put_headers:=}"
store_options=""

as_json() { # TEXT: between quotes, plain ASCII, at most 600 characters
	printf '%s' "$1" | tr -c '\40-\176' ' ' | cut -c 1-600 | sed 's/["\\]/\\&/g'
}

result() { # JSON
	printf '%s\n' "$1" >&9
}

give_up() { # CODE MESSAGE
	result "{\"code\":\"$1\",\"message\":\"$(as_json "$2")\"}"
	exit 1
}

warn() { # TEXT
	warnings="$warnings${warnings:+,}\"$(as_json "$1")\""
}

meet_store() { # sets store_options; the CA lies in the step's own directory as long as it runs, for curl alone
	if [ -n "$store_ca" ]; then
		printf '%s\n' "$store_ca" >./store-ca.pem || give_up node_disk_full "cannot write into $PWD"
		store_options='cacert = "./store-ca.pem"'
	fi
	[ -z "$store_proxy" ] || store_options="$store_options
proxy = \"$store_proxy\""
}
meet_store

# While a step runs, whoever looks at it is shown the last line of its file `saying` (step.sh).

say() { # TEXT
	{ printf '%s\n' "$1" >./saying.new && mv -f ./saying.new ./saying; } 2>/dev/null # nothing fails for want of words
}

aloud() { # FILE COMMAND...: a program of somebody else's; its words lie in FILE, which is of the step's own directory
	words=$1
	shift
	: >"$words" && ln -sf "$words" ./saying
	"$@" >>"$words" 2>&1 9>&- # what it leaves behind shall not hold the result's way out open
}

need() { # TOOLS
	for tool in "$@"; do
		command -v "$tool" >/dev/null || give_up node_tool_missing "$tool is not on the node's PATH"
	done
}

size_of() { # FILE
	echo $(($(wc -c <"$1")))
}

free_bytes() { # DIRECTORY
	kib=$(df -Pk "$1" | awk 'NR == 2 { print $4 }')
	echo $((${kib:-0} * 1024))
}

file_system() { # DIRECTORY
	df -Pk "$1" | awk 'NR == 2 { print $1, $6 }'
}

last_words() { # FILE: the line of a tool's output that says why it failed
	said=$(grep -i '^error' "$1" 2>/dev/null | tail -n 1)
	printf '%s' "${said:-$(tail -n 1 "$1" 2>/dev/null)}"
}

failed() { # STATUS FILE CODE WHAT: a disk that is full has its own code, whoever met it; 153 is the signal of a limit
	if [ "$1" -eq 153 ] || grep -qiE 'no space left|file too large|disk quota|write error' "$2" 2>/dev/null; then
		give_up node_disk_full "$4: $(last_words "$2"); $(free_bytes .) bytes are free in $PWD"
	fi
	give_up "$3" "$4 ended with $1: $(last_words "$2")"
}

choose_compression() { # zstd's frames carry checksums of their own; threads for 4 MiB cost more than they give
	compression=zstd
	for pack in "zstd -1 -q -c --single-thread" "zstd -1 -q -c"; do
		if printf x | $pack >/dev/null 2>&1; then return; fi
	done
	need gzip
	# shellcheck disable=SC2034 # the programs use it
	compression=gzip pack="gzip -1 -c"
}

squeeze() { # at the end of a pipeline, whose shell it replaces
	# shellcheck disable=SC2086 # words on purpose
	exec $pack
}

bytes_of() { # HEXADECIMAL
	# shellcheck disable=SC2046,SC2059 # split into words on purpose; the format is octal escapes
	printf "$(printf '\\%03o' $(printf '%s' "$1" | sed 's/../0x& /g'))"
}

to_base64() {
	if [ -n "$(command -v base64)" ]; then base64; else openssl base64; fi
}

from_base64() {
	if [ -n "$(command -v base64)" ]; then base64 -d; else openssl base64 -d -A; fi
}

choose_md5() { # a node in FIPS mode has an md5sum that refuses
	has_md5=1
	case $(printf '' | md5sum 2>/dev/null && bytes_of 00 | to_base64 2>/dev/null) in
	d41d8cd98f00b204e9800998ecf8427e*AA==) return ;;
	esac
	has_md5=0
	warn "the node cannot compute MD5: what it sent had no checksum of its own on the way"
}

choose_sha256() { # openssl's is three times as fast where the processor helps
	has_openssl=0
	case $(printf '' | openssl dgst -sha256 2>/dev/null) in *e3b0c44298fc1c149afbf4c8996fb924*) has_openssl=1 ;; esac
}

sha256() { # of standard input, in hexadecimal
	if [ "$has_openssl" -eq 1 ]; then openssl dgst -sha256 | sed 's/.*= *//'; else sha256sum | cut -d ' ' -f 1; fi
}

md5_of() { # FILE: hexadecimal
	md5sum <"$1" | cut -d ' ' -f 1
}

from_environment_file() { # NAME: its value, the last one that is set there
	upper=$(printf '%s' "$1" | tr '[:lower:]' '[:upper:]')
	sed -n -e 's/^[[:space:]]*//' -e 's/^export[[:space:]]*//' -e "s/^$1=//p" -e "s/^$upper=//p" "$environment_file" |
		tail -n 1 | sed -e 's/[[:space:]]*$//' -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"
}

take_proxies() { # sudo and agents do not pass them on, and curl wants http_proxy in small letters
	for name in http_proxy https_proxy no_proxy; do
		eval "value=\${$name:-\${$(printf '%s' $name | tr '[:lower:]' '[:upper:]'):-}}"
		if [ -z "$value" ] && [ -r "$environment_file" ]; then value=$(from_environment_file $name); fi
		[ -z "$value" ] || export "$name=$value"
	done
}

host_of() { # URL: without a password, path or query
	host=${1#*://}
	host=${host%%[/?]*}
	printf '%s' "${host##*@}"
}

at_host() { # URL: where it leads, for a message
	case ${store_proxy:+set}$1 in set*) proxy=$store_proxy ;; https:*) proxy=${https_proxy:-} ;; *) proxy=${http_proxy:-} ;; esac
	printf '%s' "$(host_of "$1")${proxy:+ (the proxy $(host_of "$proxy") is set)}"
}

curl_words() { # NAME: curl's own, without anything that may be a URL
	grep '^curl:' "$1.error" | head -n 1 | sed -e "s/'[^']*'//g" -e 's/[^ ]*:\/\/[^ ]*//g'
}

said_by() { # NAME: code and message of S3's answer; nothing else of it, as it may repeat the signature
	sed -n -e 's/.*<Code>\([^<]*\)<\/Code>.*<Message>\([^<]*\)<.*/\1: \2/p' "$1.answer" | head -n 1
}

request() { # URL NAME CURL'S-CONFIGURATION: one try; sets http and curl_code, leaves NAME.answer and NAME.error
	: >"$2.answer"
	# Options of curl 7.29 only. -q: what a root user's .curlrc adds is not ours.
	http=$(
		curl -q -sS -g -K - -o "$2.answer" -w '%{http_code}' 2>"$2.error" <<-END
			url = "$1"
			connect-timeout = 20
			speed-limit = 1000
			speed-time = 60
			$store_options
			$3
		END
	)
	curl_code=$?
}

exchange() { # URL NAME CONFIGURATION WHAT: tries again where that may help, and gives up with the reason
	tries=0
	while :; do
		tries=$((tries + 1))
		request "$1" "$2" "$3"
		why="$4 at $(at_host "$1")"
		case $curl_code:$http in
		0:2*) return ;;
		0:400)
			case $(said_by "$2") in
			BadDigest*) verdict=upload_part_rejected ;;
			RequestTimeout*) verdict=upload_unreachable ;;
			*Expired*) give_up upload_url_expired "$why: $(said_by "$2")" ;;
			*) give_up upload_refused "$why: HTTP 400 $(said_by "$2")" ;;
			esac
			;;
		0:403)
			if grep -qi expired "$2.answer"; then give_up upload_url_expired "$why: $(said_by "$2")"; fi
			give_up upload_denied "$why: HTTP 403 $(said_by "$2")"
			;;
		0:404) give_up upload_gone "$why: HTTP 404 $(said_by "$2")" ;;
		0:429 | 0:5*) verdict=upload_unreachable ;;
		0:*) give_up upload_refused "$why: HTTP $http $(said_by "$2")" ;;
		2:*) give_up node_curl_too_old "curl refuses an option that curl 7.29 has: $(curl_words "$2")" ;;
		23:* | 26:*) failed "$curl_code" "$2.error" node_disk_full "$why: curl" ;;
		35:*) verdict=upload_untrusted ;;
		51:* | 60:* | 77:* | 83:*) give_up upload_untrusted "$why: $(curl_words "$2")" ;;
		*) verdict=upload_unreachable ;;
		esac
		[ $tries -lt $TRIES ] || break
		sleep $((retry_pause_s << (tries - 1)))
	done
	case $curl_code in
	0) give_up "$verdict" "$why: HTTP $http $(said_by "$2") after $tries tries" ;;
	*) give_up "$verdict" "$why: $(curl_words "$2") after $tries tries" ;;
	esac
}

as_headers() { # LINES: as curl's configuration has them
	printf '%s\n' "$1" | sed -n -e 's/["\\]//g' -e 's/..*/header = "&"/p'
}

send() { # FILE URL WHAT [HEADERS]: returns when the store has it; leaves FILE.md5 (bytes)
	header=$(as_headers "${4:-}")
	if [ "$has_md5" -eq 1 ]; then
		bytes_of "$(md5_of "$1")" >"$1.md5"
		header="$header
header = \"Content-MD5: $(to_base64 <"$1.md5")\""
	fi
	exchange "$2" "$1" "upload-file = \"$1\"
$header" "$3"
	rm -f "$1" "$1.answer" "$1.error"
}

checked_url() { # URL: one that means nothing but itself in curl's configuration
	case $1 in
	*\"* | *\\* | *[[:space:]]*) ;;
	http://?* | https://?*) return ;;
	esac
	give_up upload_plan_invalid "there is no URL where one should be"
}

remove_work() { # a process that was ended a moment ago may still write there
	rm -f store-ca.pem
	tries=0
	until rm -rf work 2>/dev/null || [ $tries -eq 5 ]; do
		sleep 1
		tries=$((tries + 1))
	done
}

make_ready() { # an empty ./work, and the tools that do the work here
	rm -rf work
	mkdir work || give_up node_work_dir "the directory $PWD/work cannot be made"
	choose_compression
	choose_md5
	choose_sha256
	take_proxies
}

encryption_keys() { # of an EncryptionConfiguration in YAML or JSON: "provider:name", in JSON; no secret is looked at
	# shellcheck disable=SC2020 # five characters, each for itself
	tr '{}[],' '\n\n\n\n\n' <"$1" | awk '
		{ sub(/^[ \t#]*#.*/, ""); sub(/[ \t]#.*/, ""); gsub(/["\047\r\t ]/, ""); sub(/^-*/, "") }
		/^(aescbc|aesgcm|secretbox|kms|identity):/ { provider = substr($0, 1, index($0, ":") - 1) }
		/^name:[A-Za-z0-9._\/-]+$/ && provider != "" {
			name = provider ":" substr($0, 6)
			if (!seen[name]++) { printf "%s\"%s\"", comma, name; comma = "," }
		}
	'
}
