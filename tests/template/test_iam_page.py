"""docs/reference/iam.md is what the template says today."""

from template.iam_page import PAGE, SIDS, page
from template.stack import bucket_statements, resources


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run: make iam-page"


def test_every_role_and_policy_is_on_it() -> None:
    text = page()
    for name in (*resources("AWS::IAM::Role"), *resources("AWS::IAM::ManagedPolicy")):
        assert f"`{name}`" in text or f"### {name}" in text, name


def test_every_refusal_of_a_bucket_has_its_words() -> None:
    assert {each.sid for each in bucket_statements()} == set(SIDS)
