# shellcheck shell=sh
# The public certificates among files, and nothing else of them. Goes after common.sh, before what makes a bundle.

only_certificates() { # whole blocks with nothing but base64 in them; whatever else the text holds stays out
	awk '
		{ sub(/\r$/, "") }
		/^-----BEGIN CERTIFICATE-----$/ { block = $0 "\n"; next }
		block != "" && /^-----END CERTIFICATE-----$/ { printf "%s%s\n", block, $0; block = ""; next }
		block != "" && /^[A-Za-z0-9+\/=]+$/ { block = block $0 "\n"; next }
		{ block = "" }
	'
}

kubeconfig_certificates() { # FILE
	sed -n -e 's/^[-[:space:]]*client-certificate-data:[[:space:]]*//p' "$1" | tr -d "\"'\r\t " | while IFS= read -r data; do
		printf '%s\n' "$data" | from_base64 2>/dev/null | only_certificates
	done
}

certificates() { # PATHS
	find "$@" -type f \( -name '*.crt' -o -name '*.pem' -o -name '*.conf' \) | sort -u | while IFS= read -r path; do
		case $path in
		*.conf) kubeconfig_certificates "$path" >work/found ;;
		*) only_certificates <"$path" >work/found ;;
		esac
		[ ! -s work/found ] || { printf '# %s\n' "$path" && cat work/found; }
	done
}
