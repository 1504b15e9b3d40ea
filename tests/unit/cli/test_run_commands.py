"""`holdfast run` over the shipped doubles."""

from builders.command_line import holdfast
from builders.runs import BACKUP_ID, failed, run_record, succeeded
from builders.services import MemoryServices, services_with
from builders.specs import cluster_spec

RUN = f"prod-1-{BACKUP_ID}"


def with_run(run_id: str = RUN) -> MemoryServices:
    services = services_with()
    services.runs.open(run_record(run_id))
    services.runs.close(succeeded(run_id))
    return services


def test_list_shows_how_runs_ended() -> None:
    services = with_run()
    services.runs.close(failed(run_id="prod-1-20261120T110000Z-m-000000"))
    ended = holdfast("run", "list", "prod-1", services=services)
    assert "succeeded" in ended.stdout
    assert "etcd_unreachable" in ended.stdout
    assert len(holdfast("run", "list", "prod-1", "-o", "json", services=services).value["runs"]) == 2
    assert len(holdfast("run", "list", "prod-1", "--limit", "1", "-o", "json", services=services).value["runs"]) == 1


def test_list_of_an_unknown_cluster_is_an_error_and_no_runs_are_none() -> None:
    assert holdfast("run", "list", "prod-2", services=services_with()).code == 1
    assert holdfast("run", "list", "prod-1", "-o", "json", services=services_with()).value == {"runs": []}


def test_show_finds_the_cluster_in_the_runs_name() -> None:
    shown = holdfast("run", "show", RUN, "-o", "json", services=with_run()).value["run"]
    assert shown["cluster_id"] == "prod-1"
    assert shown["outcome"]["figures"]["live_keys"] == 1234


def test_show_asks_every_cluster_for_a_name_from_the_console() -> None:
    services = with_run("typed-in-the-console")
    services.clusters.put(cluster_spec("alpha"), replace=True)
    assert "prod-1" in holdfast("run", "show", "typed-in-the-console", services=services).stdout
    named = holdfast("run", "show", "typed-in-the-console", "--cluster", "alpha", services=services)
    assert named.code == 1
    assert holdfast("run", "show", "no-such-run", services=services).stderr.startswith("error[run_unknown]")


def test_show_finds_a_run_whose_input_named_no_cluster() -> None:
    services = services_with()
    services.runs.close(failed(run_id="typo", cluster_id="unknown", backup_id=None))
    assert holdfast("run", "show", "typo", services=services).code == 0


def test_watch_of_a_run_that_has_ended_shows_its_end() -> None:
    services = with_run()
    ended = holdfast("run", "watch", RUN, services=services)
    assert ended.code == 0
    assert "1234 keys" in ended.stdout
    services.runs.close(failed(run_id=RUN))
    again = holdfast("run", "watch", RUN, services=services)
    assert again.code == 1
    assert "error[etcd_unreachable]: no member answers" in again.stderr


def test_watch_of_an_unknown_run_ends_at_once() -> None:
    ended = holdfast("run", "watch", RUN, "-o", "json", services=services_with())
    assert (ended.code, ended.error["code"]) == (1, "run_unknown")


def test_ctrl_c_while_watching_says_that_the_run_goes_on() -> None:
    services = services_with()
    services.executions.start(RUN, "{}")

    def interrupt() -> None:
        raise KeyboardInterrupt

    ended = holdfast("run", "watch", RUN, services=services, while_waiting=[interrupt])
    assert ended.code == 130
    assert ended.stderr.splitlines() == [f"the run goes on; holdfast run watch {RUN}", "interrupted"]
