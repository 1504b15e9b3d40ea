"""The probe function finds it only where its second layer is mounted too."""


def greet(name: str) -> str:
    return f"Hello, {name}"
