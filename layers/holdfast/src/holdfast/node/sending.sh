# shellcheck shell=sh disable=SC2154 # the variables are set before this text
# What programs share that take a snapshot of this node's member: who is asked, the check of the file, and the way of
# work/snapshot.db in compressed parts to presigned URLs. Goes after common.sh and containers.sh, before what makes it.
#
# Variables: etcd_name, endpoint, member_id (decimal, empty: do not check), expected_bytes, part_bytes; secret: plan_url, a
# text whose line N is the URL of part N, and whose last line is "renew URL": where a text of the same form with fresh
# URLs is. That text lies in a bucket that others may write to: only_below is what each of its URLs begins with.
FRAME=4194304 BLOCK=131072
started=$(date +%s)
jobs="" parts=0

progress() { # DONE TOTAL
	echo "$1 $2" >work/progress && mv work/progress progress
}

listed_url() { # URL: of this cluster's objects, as curl will ask for it, or somebody else wrote the list
	checked_url "$1"
	case ${1%%\?*} in
	*/../* | */./* | *%2[eE]*) ;;
	"${only_below:-}"*) return ;;
	esac
	give_up upload_plan_invalid "the list of upload URLs leads elsewhere, to $(host_of "$1")"
}

fetch_plan() {
	checked_url "$plan_url"
	exchange "$plan_url" work/plan "" "the list of upload URLs"
	plan_lines=$(grep -c '^http' work/plan.answer)
	[ "$plan_lines" -ge 1 ] || give_up upload_plan_invalid "the list of upload URLs is empty"
	mv work/plan.answer work/urls
	renew 9>&- >/dev/null 2>&1 &
	jobs="$jobs $!"
}

renew() { # URLs live for minutes: whoever looks at this step puts fresh ones into the list as long as it is at work
	nap=""
	trap '[ -z "$nap" ] || kill "$nap"; exit' TERM
	while :; do
		sleep "$renew_pause_s" &
		nap=$!
		wait $nap
		url=$(sed -n 's/^renew //p' work/urls)
		(listed_url "$url") 9>/dev/null || return
		request "$url" work/renewed ""
		# What is no whole list changes nothing: the next look may bring one.
		[ "$curl_code:$http" = 0:200 ] && [ "$(grep -c '^http' work/renewed.answer)" -eq "$plan_lines" ] &&
			mv work/renewed.answer work/urls
	done
}

choose_container() {
	find_container "$etcd_name" 2>work/tool
	case $? in
	1) give_up node_tool_missing "none of crictl, ctr and docker is on the node's PATH" ;;
	2) give_up node_etcd_not_running "no running container is named $etcd_name: $(last_words work/tool)" ;;
	3) give_up node_tool_failed "etcdctl cannot be run in the container $etcd_name: $(last_words work/tool)" ;;
	esac
}

check_member() {
	[ -n "$member_id" ] || return 0
	etcdctl_there endpoint status -w json >work/status 2>work/tool ||
		failed $? work/tool node_snapshot_failed "etcdctl endpoint status"
	found=$(sed -n 's/.*"member_\{0,1\}[Ii][Dd]" *: *"\{0,1\}\([0-9][0-9]*\).*/\1/p' work/status | head -n 1)
	[ -n "$found" ] || give_up node_snapshot_failed "etcdctl endpoint status told no member id"
	[ "$found" = "$member_id" ] ||
		give_up etcd_member_moved "$endpoint is member $(printf %x "$found"), the plan chose $(printf %x "$member_id")"
}

read_body() { # without the 32 bytes of its hash; in blocks, as `head -c` is slow in some shells
	dd bs=$BLOCK count=$((body / BLOCK)) 2>/dev/null
	dd bs=512 count=$((body % BLOCK / 512)) 2>/dev/null
}

check_form() {
	raw_size=$(size_of work/snapshot.db)
	body=$((raw_size - 32))
	if [ $body -le 0 ] || [ $((body % 512)) -ne 0 ]; then
		give_up node_snapshot_damaged "the snapshot of $raw_size bytes is cut: it has no hash at its end"
	fi
	read_body <work/snapshot.db | sha256 >work/body.sha256 &
	body_job=$! jobs="$jobs $!"
}

check_hash() {
	wait "$body_job"
	sha256=$(cat work/body.sha256)
	tail -c 32 work/snapshot.db >work/trailer 2>work/tool || failed $? work/tool node_tool_failed "reading the snapshot's end"
	trailer=$(od -An -v -t x1 <work/trailer | tr -d ' \n')
	[ -n "$sha256" ] || give_up node_tool_failed "sha256sum told nothing"
	[ "$sha256" = "$trailer" ] ||
		give_up node_snapshot_damaged "the snapshot's hash is $sha256, and $trailer stands at its end"
}

arrived() { # PART: wait for it, and end with its reason if it failed
	eval "wait \"\$upload_$(($1 % 2))\"" || {
		cat "work/failure.$1" >&9
		[ -s "work/failure.$1" ] || give_up node_tool_failed "the upload of part $1 was ended"
		exit 1
	}
	[ ! -f "work/part.$1.md5" ] || cat "work/part.$1.md5" >>work/md5s
	rm -f "work/part.$1.md5" "work/failure.$1"
}

send_part() { # BYTES: the first ones of what is pending, while the next ones are compressed; two parts at a time
	parts=$((parts + 1))
	[ $parts -le "$plan_lines" ] ||
		give_up upload_too_large "the snapshot needs more than the $plan_lines parts that it has URLs for"
	[ $parts -le 2 ] || arrived $((parts - 2))
	{
		head -c "$1" work/pending >"work/part.$parts" &&
			tail -c "+$(($1 + 1))" work/pending >work/rest &&
			mv work/rest work/pending && cat "work/part.$parts" >&4
	} 2>work/tool || failed $? work/tool node_tool_failed "cutting part $parts"
	held=$((held - $1))
	url=$(sed -n "$parts{p;q;}" work/urls)
	listed_url "$url"
	send "work/part.$parts" "$url" "part $parts" 9>"work/failure.$parts" 3<&- 4>&- &
	eval "upload_$((parts % 2))=$!"
	jobs="$jobs $!"
}

added() { # to what is pending, by the caller; sets length
	now=$(size_of work/pending)
	length=$((now - held))
	held=$now size=$((size + length))
	while [ "$held" -ge "$part_bytes" ]; do send_part "$part_bytes"; done
}

octal() { # BYTES NUMBER: little endian, as escapes for printf
	left=$1 number=$2
	while [ "$left" -gt 0 ]; do
		printf '\\%03o' $((number & 255))
		number=$((number >> 8)) left=$((left - 1))
	done
}

table() { # as etcd/format reads it: (compressed, raw) of each frame and a footer, in what both formats call a comment
	length=$((frames * 8 + 9))
	if [ "$compression" = zstd ]; then
		{ octal 4 407710302 && octal 4 $length; } >work/before # 0x184D2A5E
		: >work/after
	else
		[ $length -le 65531 ] || give_up upload_too_large "gzip's table has no room for $frames frames; install zstd"
		{ printf '\\037\\213\\010\\004\\000\\000\\000\\000\\000\\377' && octal 2 $((length + 4)) &&
			printf HF && octal 2 $length; } >work/before
		printf '\\003\\000\\000\\000\\000\\000\\000\\000\\000\\000' >work/after
	fi
	{ octal 4 "$frames" && octal 1 0 && octal 4 2408770225; } >work/footer # 0x8F92EAB1
	for each in before entries footer after; do
		# shellcheck disable=SC2059 # the format is octal escapes
		while IFS= read -r line || [ -n "$line" ]; do printf "$line"; done <work/$each
	done
}

compress() { # and send as soon as a part is full
	mkfifo work/object || give_up node_tool_failed "mkfifo"
	sha256 <work/object >work/object.sha256 &
	object_job=$! jobs="$jobs $!"
	# For both ways: to open a pipe for writing alone waits for its reader, and in some shells a child that ends
	# meanwhile interrupts that, which ends the script.
	exec 3<work/snapshot.db 4<>work/object
	: >work/pending
	: >work/entries
	raw=0 size=0 held=0 frames=0
	while [ $raw -lt "$raw_size" ]; do
		step=$((raw_size - raw))
		[ $step -le $FRAME ] || step=$FRAME
		{ dd bs=$BLOCK count=$((FRAME / BLOCK)) 2>/dev/null | squeeze; } <&3 >>work/pending 2>work/tool ||
			failed $? work/tool node_tool_failed "$compression"
		added
		{ octal 4 "$length" && octal 4 $step && echo; } >>work/entries || give_up node_disk_full "cannot write into $PWD"
		raw=$((raw + step)) frames=$((frames + 1))
		[ $((frames % 8)) -ne 0 ] || progress $raw "$raw_size"
	done
	[ "$(dd bs=1 count=1 <&3 2>/dev/null | wc -c)" -eq 0 ] || give_up node_tool_failed "dd read less than it was asked for"
	table >>work/pending || give_up node_disk_full "cannot write into $PWD"
	added
	[ "$held" -eq 0 ] || send_part "$held"
	exec 3<&- 4>&-
}

send_snapshot() { # sets sha256, object_sha256, size and parts_md5; the database is checked while it is sent
	check_form
	progress 0 "$raw_size"
	compress
	check_hash
	[ $parts -lt 2 ] || arrived $((parts - 1))
	arrived $parts
	wait $object_job
	object_sha256=$(cat work/object.sha256)
	[ -n "$object_sha256" ] || give_up node_tool_failed "sha256sum told nothing"
	parts_md5=""
	[ "$has_md5" -eq 0 ] || parts_md5=$(md5_of work/md5s)
	progress "$raw_size" "$raw_size"
}

report_snapshot() { # MEMBER [MORE JSON]: MEMBER is hexadecimal, or empty
	result "$(printf '{"member_id":"%s","compression":"%s","raw_size":%s,"sha256":"%s","size":%s,"object_sha256":"%s",' \
		"$1" "$compression" "$raw_size" "$sha256" "$size" "$object_sha256")$(printf \
		'"parts":%s,"parts_md5":"%s","started":%s,"finished":%s%s,"warnings":[%s]}' \
		"$parts" "$parts_md5" "$started" "$(date +%s)" "${2:-}" "$warnings")"
}
