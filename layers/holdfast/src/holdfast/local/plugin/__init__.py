"""What runs inside LocalStack's process. Only the standard library and LocalStack's own pins may be imported here.

LocalStack loads these modules by the entry points in layers/holdfast/pyproject.toml. Everything that touches the
internals of LocalStack 4.14.0 or moto is in this package, so that a new pin is one place to look at.
"""
