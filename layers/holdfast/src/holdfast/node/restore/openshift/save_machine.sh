# shellcheck shell=sh disable=SC2016,SC2034,SC2154 # the variables are set before this text
# Write the manifest of a new control-plane Machine: labels and spec of the old one. Everything that was the old one's own
# (status, annotations, finalizers, uid, providerID, ...) is left out, as only what is named here is taken over.
# Variables: keep, machine, new_machine, limit_s.
need_keep
see_in_time machine "$machine" -n openshift-machine-api --ignore-not-found -o json
old=$said
[ -n "$old" ] || give_up openshift_machine_unknown "there is no Machine $machine any more"
# oc prints each key on its own line, four blanks a level; no string has a line end in it.
part() { # LEVEL KEY: the lines of an object
	printf '%s\n' "$old" | awk -v head="$1\"$2\": {" -v end="$1}" '
		$0 == head "}" || $0 == head "}," { print head "}"; exit }
		$0 == head { on = 1 }
		on && ($0 == end || $0 == end ",") { print end; exit }
		on'
}
version=$(printf '%s\n' "$old" | sed -n 's/^    "apiVersion": "\([a-z0-9./]*\)",*$/\1/p')
labels=$(part '        ' labels) spec=$(part '    ' spec)
case $version:$spec in
machine.openshift.io/*:*'"providerSpec": {'*) ;;
*) give_up openshift_machine_unreadable "$machine has no providerSpec where it should be: $(printf '%s' "$old" | head -c 300)" ;;
esac
# The last key of an object has no comma behind it, whatever was left out after it.
last_commas='NR > 1 { if ($0 ~ /^ *[]}]/) sub(/,$/, "", line); print line } { line = $0 } END { print line }'
{
	printf '{\n    "apiVersion": "%s",\n    "kind": "Machine",\n    "metadata": {\n' "$version"
	printf '        "name": "%s",\n        "namespace": "openshift-machine-api",\n' "$new_machine"
	printf '%s\n    },\n' "$labels"
	printf '%s\n}\n' "$spec" | grep -v '^        "providerID": '
} | sed '/^$/d' | awk "$last_commas" >"$keep/machine.json.new" || stopped_by restore_disk_full "$keep cannot be written" ""
mv "$keep/machine.json.new" "$keep/machine.json" || stopped_by restore_disk_full "$keep cannot be written" ""
sync
result "{\"machine\":\"$new_machine\",\"kept\":\"$keep/machine.json\"}"
