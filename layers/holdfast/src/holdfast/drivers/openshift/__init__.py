"""OpenShift: control-plane hosts that are asked, and changed, with the vendor's own scripts and `oc`."""
