# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Take save_machine back.
# Variables: keep.
rm -f "$keep/machine.json" "$keep/machine.json.new"
rmdir "$keep" 2>/dev/null
result '{"removed":true}'
