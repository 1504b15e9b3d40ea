"""A bad file for every kind of mistake: each is found, with its place and what to write instead."""

from pathlib import Path

import pytest

from holdfast.cli.spec_file import load_cluster_spec, parse_cluster_spec
from holdfast.errors import InvalidInputError
from holdfast.models.cluster import EtcdTransport
from holdfast.planning.schedule import schedule_request, watch_request

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "cluster.yaml"
GOOD = """\
id: prod-1
driver: kubeadm
transport:
  kind: etcd
  endpoints:
    - https://10.0.0.1:2379
    - https://10.0.0.2:2379
  credentials: holdfast/prod-1/etcd
schedule:
  cron: "0 3 * * *"
  timezone: Europe/Berlin
retention:
  keep_last: 30
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        parse_cluster_spec(text, "cluster.yaml")
    assert caught.value.code == "cluster_spec_invalid"
    assert "docs/reference/cluster.md" in caught.value.hint
    return caught.value.message.splitlines()


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_the_example_of_the_documentation_is_valid_with_its_schedule() -> None:
    spec = load_cluster_spec(EXAMPLE)
    request = schedule_request(spec)

    assert request is not None
    assert (spec.id, request.expression) == ("prod-frankfurt-1", "cron(0 0/6 * * ? *)")


def test_the_example_for_openshift_is_valid_and_watched() -> None:
    spec = load_cluster_spec(EXAMPLE.with_name("openshift.yaml"))
    watch = watch_request(spec)

    assert (spec.driver, spec.transport.kind) == ("openshift", "ssh")
    assert watch is not None
    assert watch.expression == "rate(1 hour)"


def test_a_good_file_is_a_spec() -> None:
    spec = parse_cluster_spec(GOOD, "cluster.yaml")

    assert isinstance(spec.transport, EtcdTransport)
    assert (spec.id, len(spec.transport.endpoints), spec.retention.keep_last) == ("prod-1", 2, 30)


def test_plain_words_stay_texts() -> None:
    """YAML 1.1 would read a boolean, a date and a number here."""
    for word in ("no", "2026-11-20", "1.5", "1_000", "0x1f", "12:30:45"):
        assert parse_cluster_spec(GOOD + f"description: {word}\n", "x").description == word


def test_an_id_of_digits_in_quotes_is_fine() -> None:
    assert parse_cluster_spec(changed("id: prod-1", 'id: "007"'), "x").id == "007"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("driver:", "drivr:", "2:1: drivr: there is no such field (did you mean driver?)"),
        (
            "timezone:",
            "time-zone:",
            "11:3: schedule.time-zone: there is no such field (did you mean timezone?)",
        ),
        (
            "keep_last: 30",
            "keep_last: 30\n  zzz: 1",
            "14:3: retention.zzz: there is no such field (known here: keep_last, keep_days, ",
        ),
        ("keep_last: 30", "keep_last: many", "13:14: retention.keep_last: input should be a valid integer"),
        ("keep_last: 30", "keep_last: 0", "13:3: retention: at least one of the keep_ numbers is more than 0"),
        ("keep_last: 30", "keep_last:", "13:13: retention.keep_last: is empty"),
        ("id: prod-1", "id: Prod_1", "1:5: id: string should match pattern"),
        ("id: prod-1", "id: 123", "1:5: id: input should be a valid string (put it in quotes)"),
        ("id: prod-1\n", "", "1:1: id: is missing (lower-case letters"),
        ("  credentials: holdfast/prod-1/etcd\n", "", "4:3: transport.credentials: is missing (the name of a secret"),
        ("kubeadm", "kubadm", "2:9: driver: input should be 'kubeadm', "),
        ("https://10.0.0.2", "http://10.0.0.2", "7:7: transport.endpoints.1: an etcd endpoint starts with https"),
        ("10.0.0.2:2379", "10.0.0.2", "7:7: transport.endpoints.1: an etcd endpoint is https://HOST:PORT"),
        ("holdfast/prod-1/etcd", "prod-1/etcd", "8:16: transport.credentials: the name of a secret starts"),
        ("Europe/Berlin", "Berlin", "11:13: schedule.timezone: 'Berlin' is no IANA time zone"),
        ("  timezone", "  rate: 6 hours\n  timezone", "10:3: schedule: a schedule has either cron or rate"),
        (
            '"0 3 * * *"',
            "*/15 * * * *",
            "10:10: is no YAML: expected alphabetic or numeric character, but found '/' (put a text with * in quotes",
        ),
        ("transport:", "transport: etcd\nrest:", "3:12: transport: must be a mapping"),
        (
            "    - https://10.0.0.1:2379\n    - https://10.0.0.2:2379",
            "    https://10.0.0.1:2379",
            "6:5: transport.endpoints: must be a list",
        ),
        ("driver: kubeadm", "id: prod-2\ndriver: kubeadm", "2:1: 'id' is there twice, first on line 1"),
        ("  cron:", "  paused: yes\n  paused: no\n  cron:", "11:3: 'paused' is there twice, first on line 10"),
        ("driver: kubeadm", "driver: [kubeadm", "3:10: is no YAML: expected ',' or ']'"),
        ("driver: kubeadm", "\tdriver: kubeadm", "2:1: is no YAML: "),
        ("driver: kubeadm", "driver: &d kubeadm", "2:9: anchors and aliases (& and *) are not supported"),
        ("driver: kubeadm", "driver: *d", "2:9: anchors and aliases (& and *) are not supported"),
        ("driver: kubeadm", "driver: !!python/name:os.system x", "2:9: tags (!) are not supported"),
        ("driver: kubeadm", "<<: {driver: kubeadm}", "2:1: merge keys (<<) are not supported"),
        ("driver: kubeadm", "? [driver]\n: kubeadm", "2:3: a field's name must be a word"),
        ("driver: kubeadm", "driver: kube\x00adm", "2:1: holds a character that YAML does not allow"),
        ("retention:", "---\nretention:", "12:1: holds a second document (one file describes one cluster)"),
    ],
)
def test_a_mistake_is_shown_with_its_place_and_a_hint(old: str, new: str, expected: str) -> None:
    assert [line for line in mistakes(changed(old, new)) if line.startswith(f"cluster.yaml:{expected}")]


SSH = """\
id: prod-1
driver: kubeadm
transport:
  kind: ssh
  user: core
  credentials: holdfast/prod-1/ssh
  nodes:
    - name: n1
      host: 10.0.0.1
      host_keys: ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
    - {name: n2, host: 10.0.0.2}
  jump:
    host: jump.example.com
"""
SSM = "id: a\ndriver: kubeadm\ntransport:\n  kind: ssm\n  nodes:\n    - {name: n1, instance: i-0123456789abcdef0}\n"
KUBERNETES = "id: a\ndriver: kubeadm\ntransport:\n  kind: kubernetes\n  via: pod\n  credentials: holdfast/a/api\n"
FINGERPRINT = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
KNOWN_OF_SSH = "kind, nodes, user, credentials, jump"


@pytest.mark.parametrize("text", [SSH, SSM, KUBERNETES])
def test_a_good_file_of_each_transport_is_a_spec(text: str) -> None:
    assert parse_cluster_spec(text, "cluster.yaml").transport.kind in text


@pytest.mark.parametrize(
    ("good", "old", "new", "expected"),
    [
        (
            SSH,
            "ssh\n  user",
            "shh\n  user",
            "4:9: transport.kind: must be etcd, ssh, ssm or kubernetes (did you mean ssh?)",
        ),
        (SSH, "kind: ssh", "kind: [ssh]", "4:9: transport.kind: must be etcd, ssh, ssm or kubernetes"),
        (SSH, "kind: ssh", "kind: telepathy", "4:9: transport.kind: must be etcd, ssh, ssm or kubernetes"),
        (SSH, "kind: ssh", "kind:", "4:8: transport.kind: is empty (etcd, ssh, ssm or kubernetes)"),
        (SSH, "  kind: ssh\n", "", "4:3: transport.kind: is missing (etcd, ssh, ssm or kubernetes)"),
        (SSH, "  user: core\n", "", "4:3: transport.user: is missing (root, or one that may use sudo"),
        (SSH, "user:", "user: core\n  usr:", "6:3: transport.usr: there is no such field (did you mean user?)"),
        (
            SSH,
            "user:",
            "user: core\n  zzz:",
            f"6:3: transport.zzz: there is no such field (known here: {KNOWN_OF_SSH})",
        ),
        (
            SSH,
            "host_keys",
            "hostkeys",
            "10:7: transport.nodes.0.hostkeys: there is no such field (did you mean host_keys?)",
        ),
        (SSH, ", host: 10.0.0.2", "", "11:7: transport.nodes.1.host: is missing (the node's address)"),
        (
            SSH,
            FINGERPRINT,
            "MD5:16:27:ac",
            "10:19: transport.nodes.0.host_keys.0: string should match pattern '^SHA256:[A-Za-z0-9+/]{43}$' (SHA256",
        ),
        (SSH, "10.0.0.1", "http://10.0.0.1", "9:13: transport.nodes.0.host: string should match pattern"),
        (SSH, "n2", "n1", "8:5: transport.nodes: two nodes have the same name"),
        (
            SSH,
            "jump.example.com",
            "jump.example.com\n    prt: 22",
            "14:5: transport.jump.prt: there is no such field (did you",
        ),
        (
            SSH,
            "jump.example.com",
            "jump.example.com\n    port: 0",
            "14:11: transport.jump.port: input should be greater",
        ),
        (SSM, "i-0123456789abcdef0", "n1", "6:28: transport.nodes.0.instance: string should match pattern"),
        (
            SSM,
            "ssm\n",
            "ssm\n  credentials: holdfast/a/x\n",
            "5:3: transport.credentials: there is no such field (known here: kind, nodes)",
        ),
        (
            SSM,
            "nodes:\n    - {name: n1, instance: i-0123456789abcdef0}",
            "nodes: []",
            "5:10: transport.nodes: needs at least 1 entry",
        ),
        (SSM, "- {name: n1, instance: i-0123456789abcdef0}", "n1: x", "6:5: transport.nodes: must be a list"),
        (KUBERNETES, "via: pod", "via: ssh", "5:8: transport.via: input should be 'port-forward', 'exec' or 'pod'"),
        (
            KUBERNETES,
            "  via: pod\n",
            "",
            "4:3: transport: etcd_credentials belong to via: port-forward, which needs them",
        ),
        (
            KUBERNETES,
            "holdfast/a/api",
            "api",
            "6:16: transport.credentials: the name of a secret starts with holdfast/",
        ),
    ],
)
def test_a_mistake_within_a_transport_is_shown_as_the_file_has_it_and_alone(
    good: str, old: str, new: str, expected: str
) -> None:
    """Pydantic names the chosen transport in its paths, and calls a list too short when its entries are wrong."""
    assert old in good
    (line,) = mistakes(good.replace(old, new))
    assert line.startswith(f"cluster.yaml:{expected}")


def test_more_nodes_than_a_cluster_has_are_refused() -> None:
    many = "".join(f"    - {{name: n{number}, instance: i-{number:017x}}}\n" for number in range(31))
    (line,) = mistakes(SSM.partition("    - ")[0] + many)
    assert line.startswith("cluster.yaml:6:5: transport.nodes: has 31 entries, at most 30 are taken")


def test_a_kind_that_is_a_pasted_secret_is_not_shown() -> None:
    assert "c2VjcmV0" not in "\n".join(mistakes(SSH.replace("kind: ssh", "kind: c2VjcmV0c2VjcmV0")))


@pytest.mark.parametrize(("text", "said"), [("", "empty"), ("# nothing\n", "empty"), ("- a\n", "must be a mapping")])
def test_a_file_that_holds_no_fields_is_refused(text: str, said: str) -> None:
    assert said in mistakes(text)[0]


def test_every_mistake_of_a_file_is_shown_at_once() -> None:
    lines = mistakes(
        changed("id: prod-1", "id: A").replace("kubeadm", "kubadm").replace("keep_last: 30", "keep_last: -1")
    )

    assert [line.split(": ")[0] for line in lines] == ["cluster.yaml:1:5", "cluster.yaml:2:9", "cluster.yaml:13:14"]


def test_a_secret_that_was_pasted_is_not_shown() -> None:
    pem = "|\n    -----BEGIN PRIVATE KEY-----\n    c2VjcmV0\n    -----END PRIVATE KEY-----"
    with pytest.raises(InvalidInputError) as caught:
        parse_cluster_spec(changed("holdfast/prod-1/etcd", pem), "cluster.yaml")

    assert "cluster.yaml:8:16: transport.credentials: credentials are the name of a secret" in caught.value.message
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("bomb", ["[" * 60_000, "{a: " * 20_000, "- " * 30_000])
def test_a_deeply_nested_file_is_refused_and_not_a_crash(bomb: str) -> None:
    assert mistakes(bomb)[0].endswith("levels deep")


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    assert "anchors" in mistakes("\n".join(lines))[0]


def test_a_number_of_many_digits_is_a_text_and_no_work() -> None:
    assert "keep_last" in mistakes(changed("keep_last: 30", "keep_last: " + "9" * 50_000))[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"#" * 65_537, "larger than 64 KiB"), (b"id: caf\xe9\n", "no UTF-8")],
)
def test_a_file_that_cannot_be_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_bytes(content)

    with pytest.raises(InvalidInputError, match=said) as caught:
        load_cluster_spec(path)
    assert caught.value.code == "cluster_file_unreadable"


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match=str(tmp_path)) as caught:
        load_cluster_spec(tmp_path / name)

    assert caught.value.code == "cluster_file_unreadable"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())

    assert load_cluster_spec(path).id == "prod-1"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("driver: kubeadm", "driver: kubeadm\nversion_watch: {every: 1 hour}"),
        ("driver: kubeadm", "driver: openshift\nversion_watch: {paused: true}"),
    ],
)
def test_a_watch_that_nobody_can_keep_is_a_mistake(old: str, new: str) -> None:
    """The first is another distribution, the second reaches etcd alone."""
    with pytest.raises(InvalidInputError, match="nothing else tells which release"):
        parse_cluster_spec(EXAMPLE.read_text().replace(old, new), "cluster.yaml")
