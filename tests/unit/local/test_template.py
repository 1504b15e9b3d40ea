"""Reading a template, and putting in the places of what was uploaded and nothing else."""

from pathlib import Path

import pytest

from builders.embedded import PROBE_TEMPLATE, PROJECT
from holdfast.errors import InvalidInputError
from holdfast.local.template import LocalPath, local_paths, read, with_locations

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Role: !GetAtt Role.Arn
      Environment: {Variables: {A: !Sub "${B}-x", C: !If [D, !Ref E, !Ref AWS::NoValue]}}
  L:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: code}
  M:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: code/a.json}
  P:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Version: 2012-10-17}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.json").write_text("{}")
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path / "template.yaml"


def test_short_tags_read_as_their_long_form(path: Path) -> None:
    properties = read(path)["Resources"]["F"]["Properties"]

    assert properties["Role"] == {"Fn::GetAtt": ["Role", "Arn"]}
    assert properties["Environment"]["Variables"] == {
        "A": {"Fn::Sub": "${B}-x"},
        "C": {"Fn::If": ["D", {"Ref": "E"}, {"Ref": "AWS::NoValue"}]},
    }


def test_a_date_stays_text(path: Path) -> None:
    role = read(path)["Resources"]["P"]["Properties"]

    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"


def test_only_local_paths_are_replaced_and_nothing_else(path: Path) -> None:
    before = read(path)
    after = with_locations(before, {"F": "s3://b/f.zip", "L": "s3://b/l.zip", "M": "s3://b/m.json"})

    assert after["Resources"]["F"]["Properties"].pop("CodeUri") == "s3://b/f.zip"
    assert after["Resources"]["L"]["Properties"].pop("ContentUri") == "s3://b/l.zip"
    assert after["Resources"]["M"]["Properties"].pop("DefinitionUri") == {"Bucket": "b", "Key": "m.json"}
    original = read(path)
    for logical_id, name in {"F": "CodeUri", "L": "ContentUri", "M": "DefinitionUri"}.items():
        del original["Resources"][logical_id]["Properties"][name]
    assert after == original
    assert before == read(path)


def test_local_paths_know_how_they_are_built(path: Path) -> None:
    folder = path.parent

    assert list(local_paths(read(path), folder)) == [
        LocalPath("F", "AWS::Serverless::Function", folder / "code", None),
        LocalPath("L", "AWS::Serverless::LayerVersion", folder / "code", "makefile"),
        LocalPath("M", "AWS::Serverless::StateMachine", folder / "code" / "a.json", None),
    ]


@pytest.mark.parametrize("text", ["Resources: [", "a: 1", "- a", TEMPLATE.replace("CodeUri: code", "CodeUri: absent")])
def test_a_template_that_cannot_be_deployed_is_refused(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(InvalidInputError) as caught:
        list(local_paths(read(path), path.parent))

    assert caught.value.code == "template_invalid"


@pytest.mark.parametrize("file", [PROJECT / "template.yaml", PROBE_TEMPLATE])
def test_our_templates_name_paths_that_exist(file: Path) -> None:
    assert list(local_paths(read(file), file.parent))
