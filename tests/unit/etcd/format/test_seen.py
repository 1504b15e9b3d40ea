"""The set of keys that were met already must not forget any while it grows."""

from holdfast.etcd.format.seen import SeenKeys


def test_every_key_is_new_once_through_growth() -> None:
    seen = SeenKeys()
    keys = [b"/registry/pods/%d" % number for number in range(150_000)]
    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)
    assert seen.add(b"/registry/pods/one-more")
