"""A stand-in for `oc`, the client that a control-plane host of OpenShift has.

It is a double, and a client of its own: it asks over HTTP whatever API server the kubeconfig names, the double beside
it or a real one, with which tests/contract compares it to kubectl. It knows get (-o json, name, wide, jsonpath=; -n,
-A, -l, --field-selector, --ignore-not-found, --no-headers, --raw), patch --type=merge, delete (waits for finalizers,
--wait=false), apply and create -f - (JSON), adm certificate approve and deny, adm wait-for-stable-cluster; --kubeconfig
and --request-timeout. What it prints, on which stream, and with which exit code is what kubectl 1.20 does. It fails for
everything else.

It runs on a machine that has a Python and these sources and nothing else, so it imports the standard library alone.
"""
