# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# What a restore has to know of a node; changes nothing. Needs common.sh.
# Variables: manifests, data_dir, etcd_image, how (container, host), etcd_name, certificates (lines of paths),
# encryption_config (a path, or empty).
LINE='
'
containers() { # FILE: the names of a pod's containers, in kubectl's YAML; fails where one cannot be told
	awk '
		/^ *containers:[ \r]*(#.*)?$/ { match($0, /^ */); outer = RLENGTH; inside = 1; next }
		!inside || /^ *(#.*)?$/ { next }
		{ match($0, /^ */); column = RLENGTH }
		column < outer || (column == outer && substr($0, column + 1, 1) != "-") { inside = 0; next }
		substr($0, column + 1, 2) == "- " && (!keys || column == dash) {
			dash = column; items++
			match(substr($0, dash + 2), /^ */); keys = column = dash + 1 + RLENGTH
			$0 = sprintf("%" keys "s", "") substr($0, keys + 1)
		}
		column == keys && match($0, /^ *name: */) {
			name = substr($0, RLENGTH + 1); sub(/ #.*/, "", name); gsub(/["\047 \r]/, "", name)
			if (name ~ /^[A-Za-z0-9.-]+$/) { print name; names++ }
		}
		END { exit !items || items != names }
	' "$1"
}
pods() {
	for file in "$manifests"/*; do
		[ -f "$file" ] || continue
		for container in $(containers "$file"); do
			printf '%s{"container":"%s","path":"%s"}' "$comma" "$container" "$(as_json "$file")"
			comma=,
		done
	done
}
unread() { # manifests that seem to be of the control plane and do not tell their containers
	for file in "$manifests"/*; do
		[ -f "$file" ] && ! containers "$file" >/dev/null &&
			grep -qE "name[\"']?:[[:space:]]*[\"']?(etcd|kube-(apiserver|controller-manager|scheduler))[\"']?([[:space:],}]|\$)" "$file" &&
			echo "$file"
	done
}
unit() { # the one that etcd runs in, or a unit named etcd
	grep -slx etcd /proc/[0-9]*/comm | while IFS= read -r process; do
		sed -n 's|.*/\([A-Za-z0-9_.@-]*\.service\).*|\1|p' "${process%/comm}/cgroup"
	done | head -n 1
}
words() { # lines as JSON strings
	while IFS= read -r each; do
		[ -z "$each" ] || printf '%s"%s"' "$comma" "$(as_json "$each")"
		[ -z "$each" ] || comma=,
	done
}
end_of() { # a certificate in PEM on standard input: seconds since 1970
	openssl x509 -noout -enddate 2>/dev/null | sed 's/.*=//' | awk '{
		split($3, time, ":")
		month = index("JanFebMarAprMayJunJulAugSepOctNovDec", $1)
		if (!month) exit
		month = (month + 2) / 3; year = $4
		if (month < 3) { year--; month += 12 }
		days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * (month - 3) + 2) / 5) + $2 - 719469
		printf "%.0f", days * 86400 + time[1] * 3600 + time[2] * 60 + time[3]
	}'
}
expiries() {
	while IFS= read -r path; do
		[ -f "$path" ] || continue
		case $path in
		*.conf) at=$(sed -n 's/^ *client-certificate-data: *//p' "$path" | head -n 1 | from_base64 2>/dev/null | end_of) ;;
		*) at=$(end_of <"$path") ;;
		esac
		[ -z "$at" ] || printf '%s["%s",%s]' "$comma" "$(as_json "$path")" "$at"
		[ -z "$at" ] || comma=,
	done
}
tool_names() {
	for each in curl zstd gzip openssl tar systemctl crictl ctr docker podman flock etcdctl etcdutl kubectl; do
		! command -v $each >/dev/null || echo $each
	done
}
unfinished() {
	for folder in "${manifests%/*}"/holdfast-*; do
		[ -z "$(find "$folder" -maxdepth 1 -type f 2>/dev/null | head -n 1)" ] || echo "${folder##*/holdfast-}"
	done
}
started_with() { # how etcd is started, as far as it can be read; of its environment, which may hold secrets, two names
	if [ "$how" = container ]; then
		cat "$manifests"/*
		return
	fi
	grep -slx etcd /proc/[0-9]*/comm | while IFS= read -r process; do
		process=${process%/comm}
		! grep -q kubepods "$process/cgroup" || continue
		tr '\0' ' ' <"$process/cmdline"
		tr '\0' '\n' <"$process/environ" | grep -E '^ETCD_(WAL_DIR|CONFIG_FILE)='
	done
	[ -n "$found_unit" ] || return
	systemctl cat "$found_unit"
	systemctl cat "$found_unit" | sed -n 's/^EnvironmentFile=-\{0,1\}//p' | while IFS= read -r file; do cat "$file"; done
}
path_of() { # NAME|NAME, with text on standard input: the path that a flag or a variable of that name has
	awk -v names="$1" '
		/^[ \t]*#/ { next }
		{ text = text " " $0 }
		END {
			if (match(text, "(" names ")[]\"\047, =:-]*(value)?[]\"\047, =:]*/[^]\"\047, }]+")) {
				found = substr(text, RSTART, RLENGTH)
				print substr(found, index(found, "/"))
			}
		}'
}
wal_dir() { # where etcd keeps its log, when that is not below its data directory
	text=$(started_with 2>/dev/null)
	config=$(printf '%s\n' "$text" | path_of 'config-file|ETCD_CONFIG_FILE')
	{
		[ ! -L "$data_dir/member/wal" ] || echo "--wal-dir=$(readlink "$data_dir/member/wal")"
		printf '%s\n' "$text"
		[ "$how" = container ] || [ ! -f "$config" ] || cat "$config"
	} | path_of 'wal-dir|ETCD_WAL_DIR' | grep -vxF -- "$data_dir/member/wal"
}
comma=""
found_unit=""
if [ "$how" = host ]; then
	found_unit=$(unit)
	[ -n "$found_unit" ] || ! systemctl cat etcd.service >/dev/null 2>&1 || found_unit=etcd.service
fi
data_exists=false
[ ! -d "$data_dir/member" ] || data_exists=true
near=$data_dir
while [ ! -d "$near" ]; do near=$(dirname "$near"); done
tool_version="" tool_bumps=false
if find_tool && bumps; then tool_bumps=true; fi
kubelet=false
! grep -qslx kubelet /proc/[0-9]*/comm || kubelet=true
keys=""
[ -z "$encryption_config" ] || [ ! -f "$encryption_config" ] || keys=$(encryption_keys "$encryption_config")
result "$(printf '{"pods":[%s],"unit":"%s","data_exists":%s,"data_free":%s,' \
	"$(pods)" "$found_unit" $data_exists "$(free_bytes "$near")")$(printf '"etcd_tool":"%s","tool_bumps":%s,"kubelet":%s,' \
	"${tool_version#* }" $tool_bumps $kubelet)$(printf '"tools":[%s],"certificates":[%s],"encryption_keys":[%s],' \
	"$(tool_names | words)" "$(printf '%s\n' "$certificates" | expiries)" "$keys")$(printf '"unfinished":[%s],"unread":[%s],"wal_dir":"%s"}' \
	"$(unfinished | words)" "$(unread | words)" "$(as_json "$(wal_dir)")")"
