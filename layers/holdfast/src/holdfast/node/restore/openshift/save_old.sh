# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Move aside what an earlier restore replaced: the vendor's script deletes it when it parks the data of today there.
# Variables: keep, backup_dir.
save_earlier
result "{\"kept\":\"$kept\"}"
