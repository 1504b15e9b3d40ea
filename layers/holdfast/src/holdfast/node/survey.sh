# shellcheck shell=sh disable=SC2154 # frames.sh and host.sh come before this text
# What a driver needs to know of a node of kubeadm's; writes nothing. Everything is optional: what cannot be read is
# left out.
# No command line holds a secret of etcd's, its environment may (images that take the root password so): only these.
etcd_names='NAME|DATA_DIR|CONFIG_FILE|(ADVERTISE|LISTEN)_CLIENT_URLS|(PEER_)?(CERT|KEY|TRUSTED_CA)_FILE|CLIENT_CERT_AUTH'

about() {
	about_host
	echo "static_pod_path=$manifests"
	echo "kubelet_config=$kubelet_config"
}

static_pod_path() { # FILE...: the last one that names it counts
	for file in "$@"; do
		sed -n "s/^[^#]*staticPodPath[\"']\{0,1\}[[:space:]]*:[[:space:]]*[\"']\{0,1\}\([^\"',[:space:]}]*\).*/\1/p" "$file"
	done 2>/dev/null | tail -n 1
}

kubelet_configuration() { # a header for static pods from a URL may hold a token
	if grep -q staticPodURLHeader "$root$kubelet_config"; then
		grep staticPodPath "$root$kubelet_config"
	else
		head -c 65536 "$root$kubelet_config"
	fi
}

pod_files() { # kubelet ignores hidden files and knows no extension, so neither does this
	for file in "$root$manifests"/*; do
		[ -f "$file" ] && [ "$(($(wc -c <"$file")))" -le 65536 ] &&
			grep -qE "name[\"']?:[[:space:]]*[\"']?(etcd|kube-apiserver)[\"']?([[:space:],}]|\$)" "$file" && echo "$file"
	done 2>/dev/null | head -n 6
}

pods() {
	pod_files | while IFS= read -r file; do without_values <"$file" | section "manifest ${file#"$root"}"; done
}

members() { # processes named etcd: static pods, plain processes, and pods that only run one for themselves
	number=0
	for process in $(processes etcd | head -n 8); do
		pod=no
		grep -q kubepods "$process/cgroup" 2>/dev/null && pod=yes
		printf 'container=%s\npod=%s\ncwd=%s\n' "$(container_of "$process")" "$pod" "$(readlink "$process/cwd")" |
			section "etcd $number"
		arguments "$process" | section "etcd $number argv"
		tr '\n\0' '?\n' 2>/dev/null <"$process/environ" | grep -E "^ETCD_($etcd_names)=" | section "etcd $number env"
		config=$(config_file "$process")
		[ -n "$config" ] && head -c 65536 "$process/root$config" 2>/dev/null | section "etcd $number config"
		number=$((number + 1))
	done
}

config_file() { # /proc/PID of an etcd
	config=$(arguments "$1" | flag config-file)
	[ -n "$config" ] || config=$(tr '\n\0' '?\n' 2>/dev/null <"$1/environ" | sed -n 's/^ETCD_CONFIG_FILE=//p')
	case $config in /* | '') echo "$config" ;; *) echo "$(readlink "$1/cwd")/$config" ;; esac
}

kubeadm_config() { # of the running cluster, unless its API server is away; --raw makes no cache of resources in $HOME
	config=$root/etc/kubernetes/admin.conf
	[ -r "$config" ] && command -v kubectl >/dev/null && within 8 kubectl --kubeconfig "$config" --request-timeout=5s \
		get --raw /api/v1/namespaces/kube-system/configmaps/kubeadm-config 2>/dev/null
}

named_paths() { # every path that flags, environments and configuration files name
	grep -ohE '(^|[[:space:]"=,])/[^][[:space:]",}\\]+' "$@" | sed 's|^[^/]*||'
}

paths() { # what there is of: paths that are named, and those below a host path that shows them in a container
	set --
	while IFS= read -r file; do set -- "$@" "$file"; done <<-END
		$(pod_files)
	END
	named=$(
		[ $# -eq 0 ] || named_paths "$@"
		printf '%s\n' "$members" "$cluster" | named_paths
	)
	mounted=$([ $# -eq 0 ] || grep -ohE "path[\"']?:[[:space:]]*[\"']?/[^\"'[:space:],}]+" "$@" | sed 's|^[^/]*||')
	# shellcheck disable=SC2086 # split into paths on purpose; none has a space
	{
		printf '%s\n' /etc/kubernetes/pki "$manifests" "$kubelet_config" /var/lib/kubelet/kubeadm-flags.env
		for file in "$root"/etc/kubernetes/*.conf; do echo "${file#"$root"}"; done
		printf '%s\n' "$client_files"
		for path in $named; do
			echo "$path"
			case $path in *.crt | *.pem) printf '%s\n' "${path%/*}/healthcheck-client.crt" "${path%/*}/healthcheck-client.key" ;; esac
			rest=$path
			while case $rest in */*) true ;; *) false ;; esac do
				rest=${rest#*/}
				for host in $mounted; do [ -z "$rest" ] || [ ! -e "$root$host/$rest" ] || echo "$host/$rest"; done
			done
		done
	} | sort -u | while IFS= read -r path; do kind_of "$path"; done
}

kubelet=$(processes kubelet | head -n 1)
kubelet=$([ -z "$kubelet" ] || arguments "$kubelet")
kubelet_config=$(echo "$kubelet" | flag config)
kubelet_config=${kubelet_config:-/var/lib/kubelet/config.yaml}
kubeconfig=$(echo "$kubelet" | flag kubeconfig)
kubeconfig=${kubeconfig:-/etc/kubernetes/kubelet.conf}
client_files=$(kubelet_client 2>/dev/null)
manifests=$(echo "$kubelet" | flag pod-manifest-path)
drop_ins=$(echo "$kubelet" | flag config-dir)
[ -n "$manifests" ] || manifests=$(static_pod_path "$root$kubelet_config" "$root${drop_ins:-/nowhere}"/*.conf)
[ -n "$manifests" ] || manifests=/etc/kubernetes/manifests
manifests=${manifests%/}

{
	about 2>/dev/null | section about
	tools | section tools
	kubelet_flags | section kubelet
	[ ! -r "$root$kubelet_config" ] || kubelet_configuration | section kubelet-config
	printf '%s\n' "$client_files" | section kubelet-client
	kubelet_certificate | section kubelet-certificate
	pods
	members=$(members && echo .)
	printf '%s' "${members%.}"
	cluster=$(kubeadm_config)
	printf '%s\n' "$cluster" | section kubeadm-config
	there=$(paths 2>/dev/null)
	printf '%s\n' "$there" | section paths
	disks | section disks
	key_service 2>/dev/null | section key-service
} | pack holdfast-survey-1
