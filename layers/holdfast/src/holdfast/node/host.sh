# shellcheck shell=sh disable=SC2154 # frames.sh comes before this text, a survey after it
# What surveys of all distributions ask of a host. `root` may be set before this text to where the node's file system is
# mounted. A survey sets what functions name: tool_names, kubelet (its arguments), kubeconfig, client_files, there.
root=${root:-}

about_host() {
	echo "hostname=$(uname -n)"
	echo "boot_id=$(cat "$root/proc/sys/kernel/random/boot_id")"
	echo "machine=$(uname -m)"
	echo "now=$(date +%s)"
	echo "uid=$(id -u)"
	echo "kubelet_version=$(within 5 kubelet --version 2>/dev/null | head -n 1)"
}

version_of() { # TOOL: what it calls its version, nothing from those that would read their input or talk to somebody
	case $1 in
	openssl | etcdctl) within 5 "$1" version ;;
	kubectl) within 5 kubectl version --client ;;
	*) within 5 "$1" --version ;;
	esac </dev/null 2>/dev/null | head -n 1
}

tools() {
	for tool in $tool_names; do
		command -v "$tool" >/dev/null && echo "$tool=$(version_of "$tool")"
	done
}

kubelet_flags() { # others may hold a token
	for name in pod-manifest-path config config-dir hostname-override; do
		value=$(echo "$kubelet" | flag $name)
		[ -z "$value" ] || echo "--$name=$value"
	done
}

kubelet_client() { # files of kubelet's own certificate and key: those that its kubeconfig names, and what links lead to
	sed -nE "s/^[[:space:]]*client-(certificate|key):[[:space:]]*[\"']?(\/[^\"'[:space:]]+).*/\2/p" "$root$kubeconfig" | sort -u |
		while IFS= read -r path; do
			echo "$path"
			target=$(readlink "$root$path") || continue
			case $target in /*) echo "$target" ;; *) echo "${path%/*}/$target" ;; esac
		done
}

kubelet_certificate() { # its first one, which names the node; a whole block with nothing but base64 in it
	{
		printf '%s\n' "$client_files" | while IFS= read -r path; do [ ! -f "$root$path" ] || cat "$root$path"; done
		sed -n 's/^[[:space:]]*client-certificate-data:[[:space:]]*//p' "$root$kubeconfig" | head -n 1 | base64 -d
	} 2>/dev/null | awk '
		/^-----BEGIN CERTIFICATE-----$/ { block = $0 "\n"; next }
		block != "" && /^-----END CERTIFICATE-----$/ { printf "%s%s\n", block, $0; exit }
		block != "" && /^[A-Za-z0-9+\/=]+$/ { block = block $0 "\n"; next }
		{ block = "" }
	'
}

without_values() { # environment variables in a manifest: a proxy's password, for one; texts of several lines too
	awk '
		{ match($0, /^ */) }
		hiding && ($0 ~ /^ *$/ || RLENGTH > column) { next }
		{ hiding = 0 }
		match($0, /^[ -]*value:/) { column = index($0, "value:") - 1; hiding = 1 }
		{ print }
	' | sed -E -e 's/^([[:space:]-]*value:[[:space:]]).*/\1hidden/' -e 's/([{,][[:space:]]*value:[[:space:]]*)[^,}]*/\1hidden/g' \
		-e 's/("value"[[:space:]]*:[[:space:]]*")([^"\\]|\\.)*"/\1hidden"/g'
}

kind_of() { # PATH: "f PATH" or "d PATH", with " -> TARGET" for a link
	if [ -f "$root$1" ]; then kind=f; elif [ -d "$root$1" ]; then kind=d; else return; fi
	case $1 in *' '* | /dev/* | /proc/* | /sys/* | /) return ;; esac
	if [ -L "$root$1" ]; then echo "$kind $1 -> $(readlink -f "$root$1")"; else echo "$kind $1"; fi
}

disks() { # of our work and of every directory that could hold the data: "PATH LINE OF DF"
	work=$root/var/lib/holdfast
	[ -d "$work" ] || work=$root/var/lib
	echo "work $(within 5 df -Pk "$work" 2>/dev/null | tail -n 1)"
	printf '%s\n' "$there" | sed -n 's/^d \([^ ]*\).*/\1/p' | while IFS= read -r path; do
		echo "$path $(within 5 df -Pk "$root$path" 2>/dev/null | tail -n 1)"
	done
}

key_service() { # sockets of key management plugins that the encryption configuration names; nothing else of it is read
	printf '%s\n' "$there" | sed -n 's/^f \([^ ]*\).*/\1/p' | while IFS= read -r path; do
		grep -qs '^kind:[[:space:]]*EncryptionConfig' "$root$path" &&
			sed -n "s|.*endpoint[\"']\{0,1\}:[[:space:]]*[\"']\{0,1\}\(unix:[^\"'[:space:],}]*\).*|\1|p" "$root$path"
	done
}
