# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Delete the secrets of a member that left. The operator makes new ones under the same names where the node is still
# there: those that were there first are noted, and no other ones are deleted when this runs again.
# Variables: keep, secrets (names), limit_s.
need_keep
uid_of() { # SECRET: sets uid, "" when there is none
	see_in_time secret "$1" -n openshift-etcd --ignore-not-found -o 'jsonpath={.metadata.uid}'
	uid=$said
}
if [ ! -f "$keep/secrets" ]; then
	noted=""
	for name in $secrets; do
		uid_of "$name"
		noted="$noted${uid:+$name $uid
}"
	done
	{ printf "%s" "$noted" >"$keep/secrets.new" && mv "$keep/secrets.new" "$keep/secrets"; } ||
		give_up restore_disk_full "$keep/secrets cannot be written"
fi
deleted=""
while read -r name noted; do
	[ -n "$name" ] || continue
	uid_of "$name"
	if [ "$uid" = "$noted" ]; then
		wait_for oc_tried delete secret "$name" -n openshift-etcd --ignore-not-found ||
			stopped_by openshift_api_silent "oc delete secret $name" "$said"
	fi
	deleted="$deleted${deleted:+,}\"$name\""
done <"$keep/secrets"
result "{\"deleted\":[$deleted]}"
