"""Changes of clusters whose members are restored one by one: what such a cluster cannot be asked for."""

import pytest

from builders.restore_shapes import NOW, Shape, seen, spec
from holdfast.errors import RefusedError
from holdfast.models.restore import ChangeRequest
from holdfast.planning.planners import planner_of


def test_a_quorum_restore_is_refused_where_no_script_of_the_vendor_makes_one() -> None:
    asked = ChangeRequest(cluster="prod-1", quorum=True)
    with pytest.raises(RefusedError) as refused:
        planner_of("kubeadm").findings(spec(Shape()), seen(Shape()), None, asked, NOW)
    assert refused.value.code == "mode_unsupported"
    assert "holdfast restore plan prod-1 latest" in refused.value.hint
