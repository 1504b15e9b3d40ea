# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# Send the archive of static resources that openshift_backup.sh kept, byte for byte, to a presigned URL; and the public
# certificates in it to another. Needs common.sh and certificates.sh. It goes when the store has it; until then another
# attempt sends the same.
#
# Variables: kept (the step's name), snapshot_sha256 (of the database that it belongs to); secrets: bundle_url,
# certificates_url.
COMPONENTS=/etc/kubernetes
folder=${PWD%/*}/$kept/kept

clean() {
	trap '' TERM INT HUP
	remove_work
}

its_pair() { # into work/bundle
	found=$(cat "$folder/database" 2>/dev/null)
	[ "$found" = "$snapshot_sha256" ] || give_up openshift_pair_lost \
		"$folder holds ${found:+the archive of another snapshot, $found}${found:-nothing}; that of $snapshot_sha256 was expected"
	set -- "$folder"/static_kuberesources_*.tar.gz
	[ -f "$1" ] || give_up openshift_pair_lost "$folder has no archive any more"
	cp -- "$1" work/bundle 2>work/tool ||
		failed $? work/tool node_disk_full "copying the archive"
}

trap clean EXIT
trap 'exit 143' TERM INT HUP
need curl sha256sum awk sed find sort tar gzip cp
make_ready
checked_url "$bundle_url"
checked_url "$certificates_url"
its_pair
mkdir work/tree || give_up node_disk_full "cannot write into $PWD"
tar -xzf work/bundle -C work/tree 2>work/tool || failed $? work/tool openshift_archive_damaged "unpacking the archive"
files=$(find work/tree -type f | wc -l)
[ "$((files))" -ge 1 ] || give_up node_bundle_empty "there is no file in the archive"
certificates work/tree | sed "s|^# work/tree/|# $COMPONENTS/|" >work/certificates.pem ||
	give_up node_disk_full "cannot write into $PWD"
keys=""
for file in work/tree/static-pod-resources/kube-apiserver-pod-*/secrets/encryption-config/encryption-config; do
	[ ! -f "$file" ] || keys=$keys${keys:+,}$(encryption_keys "$file")
done
rm -rf work/tree
size=$(size_of work/bundle)
object_sha256=$(sha256 <work/bundle)
send work/bundle "$bundle_url" "the bundle" "$put_headers"
send work/certificates.pem "$certificates_url" "the certificates" "$put_headers"
rm -rf -- "$folder"
result "$(printf '{"compression":"gzip","size":%s,"object_sha256":"%s","files":%s,"encryption_keys":[%s],' \
	"$size" "$object_sha256" "$((files))" "$keys")$(printf '"missing":[],"warnings":[%s]}' "$warnings")"
