# shellcheck shell=sh disable=SC2034,SC2154 # the variables are set before this text
# Start the API server, and wait until it says that it is ready.
# Variables: aside, pods (lines "CONTAINER MANIFEST"), api_url, api_ca, api_cert, api_key, limit_s.
move_pods back
rmdir "$aside" 2>/dev/null
api_is_ready() {
	said=$(ask_api GET /readyz 2>&1) && every_pod_runs
}
wait_for api_is_ready || stopped_by api_not_ready "$api_url/readyz after $limit_s s" "$said"
result '{"ready":true}'
