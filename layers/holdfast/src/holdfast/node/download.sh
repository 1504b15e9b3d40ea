# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# Fetching what a restore needs. Goes after common.sh and restore.sh; compression is a variable of the script.

download() { # URL FILE WHAT: the reasons have the names of downloads
	take_proxies
	(
		checked_url "$1"
		exchange "$1" "$2" "" "$3"
	) 9>"$2.refused" || {
		sed -e 's/"code":"upload_/"code":"download_/' -e 's/"code":"node_disk_full/"code":"restore_disk_full/' "$2.refused" >&9
		exit 1
	}
	mv "$2.answer" "$2" || give_up restore_disk_full "$2 cannot be written"
	rm -f "$2.error" "$2.refused"
}

unpack() { # FILE TO CODE
	case $compression in
	zstd) set -- "$@" zstd -q -d -c ;;
	gzip) set -- "$@" gzip -d -c ;;
	*) set -- "$@" cat ;;
	esac
	object=$1 out=$2 code=$3
	shift 3
	need "$1"
	said=$({ "$@" <"$object" >"$out"; } 2>&1) || stopped_by "$code" "$1" "$said"
}
