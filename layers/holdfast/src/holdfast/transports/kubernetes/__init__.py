"""Commands and tunnels through the cluster's own API."""
