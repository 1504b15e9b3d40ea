"""Somebody who writes into the bucket changes no backup that is at work: its plan says what nodes do as root."""

import pytest

from builders.doubled_runs import CLUSTER, RUN, run, three
from holdfast.planning.naming import run_key


@pytest.mark.parametrize("phase", ["Snapshot", "Secrets", "Seal"])
def test_a_plan_that_was_written_over_is_neither_carried_out_nor_sealed(phase: str) -> None:
    services, _ = three()
    key = run_key(CLUSTER, RUN, "plan.json")

    def write_over(entered: str) -> None:
        if entered == phase:
            body = services.bucket.read(key).replace(b"/etc/kubernetes/pki", b"/root/of/somebody")
            assert body != services.bucket.read(key)
            services.bucket.put(key, body)

    outcome = run(services, on_phase=write_over)
    assert outcome.error
    assert (outcome.error.code, outcome.phase) == ("backup_plan_changed", phase)
    assert not [stored for stored in services.bucket.objects if stored.endswith("manifest.json")]
