"""kubectl's JSONPath, as a machine's `oc` has it. What is expected here was printed by a real kubectl (tests/cluster
asks it again)."""

import pytest

from builders.jsonpath_cases import CASES, LIST, REFUSED
from holdfast.local.machines.jsonpath import TemplateError, printed


@pytest.mark.parametrize(("template", "expected"), CASES.items())
def test_a_template_prints_what_kubectl_prints(template: str, expected: str) -> None:
    assert printed(template, LIST) == expected


@pytest.mark.parametrize(("template", "words"), REFUSED.items())
def test_a_template_is_refused_in_kubectls_words(template: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        printed(template, LIST)
    assert words in str(caught.value)
