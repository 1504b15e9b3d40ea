"""The key that signs manifests, and the keys whose signatures are believed."""
