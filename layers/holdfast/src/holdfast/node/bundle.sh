# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# Pack what a restore of this node needs beside the database, and send it to a presigned URL; and the public certificates
# in it to another. Needs common.sh and
# certificates.sh. Nothing of the node is changed: root reads, whatever the modes are.
#
# Variables: paths (absolute, one per line), encryption_config (a path, or empty); secrets: bundle_url, certificates_url.
LARGEST_PUT=5000000000
LINE='
'

clean() {
	trap '' TERM INT HUP
	remove_work
}

add() { # PATH, unless it is below one that is packed already: tar would make the second a link to itself
	while IFS= read -r above; do
		case ${above:+$1} in "") ;; "$above" | "$above"/*) return ;; esac
	done <<-END
		$list
	END
	list=$list${list:+$LINE}$1
}

add_with_target() { # PATH: a link is packed as a link, and what it leads to under its own name
	add "$1"
	[ -L "$1" ] || return 0
	target=$(readlink -f -- "$1") && [ -e "$target" ] && add "$target"
}

choose_paths() { # sets list and missing
	list="" missing=""
	asked=$paths
	[ -z "$encryption_config" ] || asked=$asked$LINE$encryption_config
	asked=$(printf '%s\n' "$asked" | sort -u) # folders before what is in them
	while IFS= read -r path; do
		path=${path%/}
		case $path in /*) ;; *) continue ;; esac
		if [ -e "$path" ] || [ -L "$path" ]; then
			add_with_target "$path"
		else
			missing="$missing${missing:+,}\"$(as_json "$path")\""
		fi
	done <<-END
		$asked
	END
	[ -n "$list" ] || give_up node_bundle_empty "none of the paths of the bundle is on the node"
}

with_list() { # FUNCTION: every path begins with a slash, so that none can be taken for an option
	call=$1
	set -f
	IFS=$LINE
	# shellcheck disable=SC2086 # split at the ends of lines on purpose
	set -- $list
	unset IFS
	set +f
	"$call" "$@"
}

count() { # PATHS
	find "$@" -type f | sort -u | wc -l
}

add_links() { # single files that links below the paths lead to
	find "$@" -type l >work/links
	while IFS= read -r path; do
		target=$(readlink -f -- "$path") && [ -f "$target" ] && add "$target"
	done <work/links
}

enough_space() { # PATHS
	bytes=$(du -sk "$@" 2>/dev/null | awk '{ sum += $1 } END { printf "%.0f", sum * 1024 }')
	[ "$bytes" -lt $LARGEST_PUT ] || give_up upload_too_large "the paths of the bundle have $bytes bytes"
	here=$(free_bytes .)
	[ "$here" -ge $((bytes * 2)) ] || give_up node_disk_short "$PWD has $here bytes free; a bundle of $bytes needs two times that"
}

pack() { # PATHS into work/bundle
	need tar
	case $(tar --version 2>/dev/null) in *GNU*) gnu=1 ;; *) gnu=0 ;; esac
	{
		tar -cf - "$@" 2>work/tar
		echo $? >work/tar.status
	} | squeeze >work/bundle 2>work/tool || failed $? work/tool node_tool_failed "$compression"
	status=$(cat work/tar.status)
	# GNU tar says 1 when a file changed while it was read; busybox's 1 is an error.
	if [ "$status" = 1 ] && [ $gnu = 1 ]; then
		warn "tar: $(last_words work/tar)"
	elif [ "$status" != 0 ]; then
		failed "$status" work/tar node_tool_failed tar
	fi
}

trap clean EXIT
trap 'exit 143' TERM INT HUP
need curl sha256sum awk sed find sort du df readlink
make_ready
checked_url "$bundle_url"
checked_url "$certificates_url"
choose_paths
with_list add_links
with_list enough_space
files=$(with_list count)
[ "$((files))" -ge 1 ] || give_up node_bundle_empty "there is no file below the paths of the bundle"
with_list pack
with_list certificates >work/certificates.pem || give_up node_disk_full "cannot write into $PWD"
keys=""
[ -z "$encryption_config" ] || [ ! -f "$encryption_config" ] || keys=$(encryption_keys "$encryption_config")
size=$(size_of work/bundle)
object_sha256=$(sha256 <work/bundle)
send work/bundle "$bundle_url" "the bundle" "$put_headers"
send work/certificates.pem "$certificates_url" "the certificates" "$put_headers"
result "$(printf '{"compression":"%s","size":%s,"object_sha256":"%s","files":%s,"encryption_keys":[%s],' \
	"$compression" "$size" "$object_sha256" "$((files))" "$keys")$(printf '"missing":[%s],"warnings":[%s]}' \
	"$missing" "$warnings")"
