# shellcheck shell=sh disable=SC2020,SC2030,SC2031,SC2034,SC2154 # the variables are set before this text; comma is a subshell's own
# One round over kubelets' certificate signing requests: approves those that it is told of, then tells a page of those
# that wait, as the API has them, with the nodes and Machines that they may be for. It decides nothing.
# Variables: signers (words), awaited (names of nodes, words), limit_s, approve (lines of "NAME UID"; as all that follow
# only in a later round), after (the last name of the page before), pause_s (how long it may wait for a change first),
# until_ready (0: it is a change only when something new waits, not that all nodes are ready).
: "${approve:=}" "${after:=}" "${pause_s:=0}" "${until_ready:=1}" "${page_size:=32}" "${page_bytes:=12000}"
approved="" gone="" open=""
need gzip base64

or_give_up() { # COMMAND...: until the API answers it
	wait_for "$@" || stopped_by openshift_api_silent "oc, for certificate requests" "$said"
}

# Lines of what many may write are candidates: names of requests may hold anything but a slash, and a kubelet writes what
# it likes into its node. So a line counts only where no other has the same name, as the one that is true is always there;
# else that object is asked for alone.

list_requests() { # sets rows: NAME|UID|SIGNER|CONDITIONS, and requests: names of what waits
	said=$(ask_oc get csr -o jsonpath='{range .items[*]}{.metadata.name}{"|"}{.metadata.uid}{"|"}{.spec.signerName}{"|"}{.status.conditions[*].type}{"\n"}{end}' 2>&1) || return 1
	rows=$said
	requests=$(printf '%s\n' "$rows" | awk -F '|' -v signers=" $signers " '
		NF == 4 && $1 ~ /^[a-z0-9][a-z0-9.-]*$/ && length($1) < 254 && $4 == "" &&
			($3 == "" || index(signers, " " $3 " ")) { print $1 }' | sort -u)
}

sort_approved() { # sets approved, open and gone: what became of those that are to be approved, by name and uid
	list_requests || return 1
	sorted=$({
		printf '%s\n' "$approve" | sed '/^$/d; s/^/wanted|/; s/ /|/'
		printf '%s\n' "$rows"
	} | awk -F '|' '
		$1 == "wanted" && NF == 3 { uid[$2] = $3; next }
		$1 in uid { rows[$1]++; same[$1] = NF == 4 && $2 == uid[$1]; state[$1] = $4 }
		END { for (name in uid) {
			if (rows[name] > 1) what = "doubtful"
			else if (!same[name]) what = "gone"
			else what = state[name] == "" ? "open" : index(" " state[name] " ", " Approved ") ? "approved" : "gone"
			print what, name, uid[name]
		} }' | sort | sed '/^doubtful /!s/ [^ ]*$//')
	for name in $(printf '%s\n' "$sorted" | sed -n 's/^doubtful \([^ ]*\) .*/\1/p'); do
		uid=$(printf '%s\n' "$sorted" | sed -n "s/^doubtful $name //p")
		said=$(ask_oc get csr "$name" --ignore-not-found -o jsonpath='{.metadata.uid}{"|"}{.status.conditions[*].type}' 2>&1) || return 1
		case $said in "$uid|") what=open ;; "$uid|"*Approved*) what=approved ;; *) what=gone ;; esac
		sorted="$sorted
$what $name"
	done
	approved=$(printf '%s\n' "$sorted" | sed -n 's/^approved //p')
	open=$(printf '%s\n' "$sorted" | sed -n 's/^open //p')
	gone=$(printf '%s\n' "$sorted" | sed -n 's/^gone //p')
}

approve_all() { # those that are still what was decided about
	sort_approved || return 1
	[ -n "$open" ] || return 0
	# shellcheck disable=SC2086 # names, as words
	refused=$(ask_oc adm certificate approve $open 2>&1)
	sort_approved || return 1
	said=$refused
	[ -z "$open" ]
}

list_nodes() { # sets nodes: NAME|READY|ADDRESSES, one line for each name, and doubtful and not_ready: names
	said=$(ask_oc get nodes -o name 2>&1) || return 1
	names=$said
	said=$(ask_oc get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"|"}{.status.conditions[?(@.type=="Ready")].status}{"|"}{.status.addresses[*].address}{"\n"}{end}' 2>&1) || return 1
	nodes=$({
		printf '%s\n' "$names"
		printf '%s\n' "$said"
	} | awk -F '|' '
		NF == 1 && sub(/^node\//, "") { known[$0]; next }
		$1 in known { count[$1]++; line[$1] = NF == 3 ? $0 : $1 "||" }
		END { for (name in known) print count[name] == 1 && line[name] != name "||" ? line[name] : name "||" }')
	doubtful=$(printf '%s\n' "$nodes" | sed -n 's/||$//p')
	claims=$said
	not_ready=$({
		printf '%s\n' "$nodes" | awk -F '|' '$1 != "" && $2 != "True" { print $1 }'
		for each in $awaited; do printf '%s\n' "$names" | grep -qxF "node/$each" || echo "$each"; done
	} | sort -u)
}

list_machines() { # sets machines: lines of NODE|ADDRESSES, and has_machines; a cluster without that API has none
	has_machines=true
	said=$(ask_oc get machines.machine.openshift.io -n openshift-machine-api -o jsonpath='{range .items[*]}{.status.nodeRef.name}{"|"}{.status.addresses[*].address}{"\n"}{end}' 2>&1) || case $said in
	*"doesn't have a resource type"*) said="" has_machines=false ;;
	*) return 1 ;;
	esac
	machines=$said
}

changed() { # something waits that did not wait before, or all nodes are ready where they are what is waited for
	list_requests && list_nodes || return 1
	[ -n "$not_ready" ] || [ "$until_ready" = 0 ] || return 0
	printf '%s\n' "$requests" | grep -v '^$' | grep -qvxF -e "$before"
}

fetch_page() { # COUNT: sets page (names), json and packed; what is gone meanwhile is left out
	page=$(printf '%s\n' "$requests" | awk -v after="$after" -v count="$1" '$0 "" > after "" && ++number <= count')
	json="" packed=""
	[ -n "$page" ] || return 0
	# shellcheck disable=SC2086 # names, as words
	json=$(ask_oc get csr $page --ignore-not-found -o json 2>&1) || {
		said=$json
		return 1
	}
	packed=$(printf '%s' "$json" | gzip -9 | base64 | tr -d '\n')
}

texts_of() { # the requests of json as text: what is no small letter, digit, dot, dash or colon ends a line
	printf '%s' "$json" | tr ',{}' '\n\n\n' | sed -n 's/.*"request": *"\([A-Za-z0-9+/=]*\)".*/\1/p' | while read -r request; do
		printf '%s\n' "$request" | base64 -d 2>/dev/null | sed '/-----/d' | base64 -d 2>/dev/null | tr -c 'a-z0-9.:-' '\n' |
			sed -n 's/^.*system:node:\([a-z0-9].*\)/\1/p' | head -n 1
	done
}

meant_nodes() { # names of nodes that the page may be about: DER may put one more character after a name
	texts_of | awk '
		NR == FNR { split($0, field, "|"); known[field[1]]; next }
		$0 in known { print }
		{ shorter = substr($0, 1, length($0) - 1) }
		shorter in known { print shorter }' "$1" - | sort -u
}

words_of() { # lines or words, as JSON strings
	printf '%s\n' "$1" | tr ' ' '\n' | sed '/^$/d' | while IFS= read -r word; do
		printf '%s"%s"' "$comma" "$(as_json "$word")"
		comma=,
	done
}

ask_node() { # NAME: sets row. Asked for alone: what another one wrote is no part of it
	said=$(ask_oc get node "$1" --ignore-not-found -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}{"\n"}{.status.addresses[*].address}' 2>&1) || return 1
	row="$1|$(printf '%s\n' "$said" | head -n 1 | tr '|' ' ')|$(printf '%s\n' "$said" | tail -n +2 | tr '|\n' '  ')"
}

node_told() { # sets told: row as JSON
	told=${row#*|}
	told="{\"name\":\"${row%%|*}\",\"ready\":\"$(as_json "${told%%|*}")\",\"addresses\":[$(comma="" && words_of "$(printf '%s\n' "${told#*|}" | tr ' ' '\n' | head -n 24)")]}"
}

others_have() { # ROWS, as told: their addresses that another node has too, in whatever form; * for more than 50
	printf '%s\n' "$1" >work/asking
	printf '%s\n' "$claims" | awk -F '|' '
		# An address of IPv6, or of IPv4 in it, has many forms: eight groups are one.
		function one(text,    halves, left, right, quad, parts, before, after, at, groups) {
			text = tolower(text)
			if (text ~ /^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$/) text = "::ffff:" text
			if (text !~ /^[0-9a-f:.]*:[0-9a-f:.]*$/) return text
			if (match(text, /[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$/)) {
				split(substr(text, RSTART), quad, "[.]")
				text = substr(text, 1, RSTART - 1) sprintf("%x:%x", quad[1] * 256 + quad[2], quad[3] * 256 + quad[4])
			}
			parts = split(text, halves, "::")
			before = split(halves[1], left, ":")
			after = parts > 1 ? split(halves[2], right, ":") : 0
			groups = ""
			for (at = 1; at <= before; at++) groups = groups ":" short(left[at])
			for (at = before + after; parts > 1 && at < 8; at++) groups = groups ":0"
			for (at = 1; at <= after; at++) groups = groups ":" short(right[at])
			return groups
		}
		function short(group) {
			sub(/^0+/, "", group)
			return group == "" ? "0" : group
		}
		NR == FNR {
			count = split($3, address, " ")
			for (number = 1; number <= count && number <= 24; number++) {
				form = one(address[number])
				if (!((form, $1) in asks)) { asks[form, $1]; askers[form]++ }
				written[form] = written[form] " " address[number]
			}
			next
		}
		{ count = split(substr($0, length($1) + 1), address, "[| ]+")
		for (number = 1; number <= count; number++) {
			form = one(address[number])
			if (askers[form] > ((form, $1) in asks ? 1 : 0)) shared[form]
		} }
		END {
			for (form in shared) total++
			if (total > 50) print "*"
			else for (form in shared) print written[form]
		}' work/asking -
}

machines_told() { # NAMES: Machines of these nodes, and those that have no node yet
	printf '%s\n' "$machines" | awk -F '|' -v meant=" $(printf '%s' "$1" | tr '\n' ' ') " '
		NF == 2 && $1 != "" && index(meant, " " $1 " ")
		NF == 2 && $1 == "" { waiting[++count] = $0 }
		END { for (number = 1; number <= count; number++) print waiting[number] }' | head -n 60 | while IFS='|' read -r of addresses; do
		printf '%s{"node":"%s","addresses":[%s]}' "$comma" "$(as_json "$of")" "$(comma="" && words_of "$addresses")"
		comma=,
	done
}

[ -z "$approve" ] || or_give_up approve_all
or_give_up list_requests
or_give_up list_nodes
if [ "$pause_s" -gt 0 ]; then
	before=$requests
	(limit_s=$pause_s && wait_for changed)
	or_give_up list_requests
	or_give_up list_nodes
fi
or_give_up list_machines
count=$page_size too_large=""
or_give_up fetch_page "$count"
while [ "${#packed}" -gt "$page_bytes" ]; do
	if [ "$count" -eq 1 ]; then
		too_large=$page packed=""
		break
	fi
	count=$((count / 2))
	or_give_up fetch_page "$count"
done
mkdir -p work
printf '%s\n' "$nodes" >work/nodes
meant=$([ -z "$packed" ] || meant_nodes work/nodes | head -n 64)
told_nodes="" rows_told=""
for each in $meant; do
	row=$(printf '%s\n' "$nodes" | awk -F '|' -v name="$each" '$1 == name')
	if printf '%s\n' "$doubtful" | grep -qxF "$each"; then or_give_up ask_node "$each"; fi
	node_told
	rows_told="${rows_told}$row
"
	told_nodes="$told_nodes${told_nodes:+,}$told"
done
last=$(printf '%s\n' "$page" | tail -n 1)
left=$(printf '%s\n' "$requests" | awk -v last="$last" '$0 != "" && $0 "" > last ""' | wc -l)
[ $((left)) -gt 0 ] || last=""
comma=""
told="\"now\":$(date +%s),\"approved\":[$(words_of "$approved")],\"gone\":[$(words_of "$gone")]"
told="$told,\"packed\":\"$packed\",\"too_large\":[$(words_of "$too_large")],\"next\":\"$last\",\"left\":$((left))"
told="$told,\"nodes\":[$told_nodes],\"shared\":[$(words_of "$(others_have "$rows_told")")]"
[ "$has_machines" = false ] || told="$told,\"machines\":[$(machines_told "$meant")]"
told="$told,\"not_ready\":[$(words_of "$(printf '%s\n' "$not_ready" | head -n 30)")]"
result "{$told,\"not_ready_count\":$(printf '%s\n' "$not_ready" | grep -c .)}"
