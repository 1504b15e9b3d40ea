"""From the words of an operator to EventBridge: the same firing times, or a refusal that says why."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.cron_calendars import crontab_days, crontab_times, eventbridge_days, eventbridge_times
from builders.specs import cluster_spec
from holdfast.errors import InvalidInputError
from holdfast.planning.schedule import cron_expression, rate_expression, schedule_request

# Five years from a leap year's start: every weekday falls on every day of every month, except 29 February on some.
FIRST, DAYS = date(2028, 1, 1), 5 * 366


def refused(text: str) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        cron_expression(text)
    return caught.value


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0 6 * * *", "cron(0 6 * * ? *)"),
        ("  0   6 * * *  ", "cron(0 6 * * ? *)"),
        ("cron(0 6 * * *)", "cron(0 6 * * ? *)"),
        ("*/15 2-5 * * 1-5", "cron(0/15 2-5 ? * MON-FRI *)"),
        ("30 3 1,15 * *", "cron(30 3 1,15 * ? *)"),
        ("5-50/15 */6 * jan-mar mon,wed", "cron(5,20,35,50 0/6 ? 1-3 MON,WED *)"),
        ("0 0 */10 */3 *", "cron(0 0 1/10 1/3 ? *)"),
        ("*/60 */24 * * *", "cron(0 0 * * ? *)"),
        ("0 0 29 2 *", "cron(0 0 29 2 ? *)"),
        ("0 0 1-31 * 1", "cron(0 0 * * ? *)"),
        ("0 0 */1 * 1", "cron(0 0 ? * MON *)"),
        ("0 0 15 * */1", "cron(0 0 15 * ? *)"),
    ],
)
def test_five_fields_become_six(written: str, expected: str) -> None:
    assert cron_expression(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0", "SUN"),
        ("7", "SUN"),
        ("1-5", "MON-FRI"),
        ("5-7", "SUN,FRI,SAT"),
        ("6-0", "SUN,SAT"),
        ("fri-mon", "SUN,MON,FRI,SAT"),
        ("sat,sun", "SUN,SAT"),
        ("1-5/2", "MON,WED,FRI"),
        ("5-1/2", "SUN,FRI"),
        ("*/2", "SUN,TUE,THU,SAT"),
        ("0-5", "SUN-FRI"),
    ],
)
def test_weekdays_come_out_as_names_whatever_their_numbers(written: str, expected: str) -> None:
    assert cron_expression(f"0 6 * * {written}") == f"cron(0 6 ? * {expected} *)"


@pytest.mark.parametrize(
    ("macro", "expected"),
    [
        ("@hourly", "cron(0 * * * ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@midnight", "cron(0 0 * * ? *)"),
        ("@Weekly", "cron(0 0 ? * SUN *)"),
        ("@monthly", "cron(0 0 1 * ? *)"),
        ("@yearly", "cron(0 0 1 1 ? *)"),
        ("@annually", "cron(0 0 1 1 ? *)"),
    ],
)
def test_macros_are_written_out(macro: str, expected: str) -> None:
    assert cron_expression(macro) == expected


@pytest.mark.parametrize("macro", ["@reboot", "@every 6h", "@fortnightly"])
def test_macros_without_a_time_are_refused(macro: str) -> None:
    assert refused(macro).code == "cron_not_convertible"


@pytest.mark.parametrize(
    "written",
    [
        "cron(15 10 ? * 6L 2022-2029)",
        "cron(0 12 L * ? *)",
        "cron(0 12 LW * ? *)",
        "cron(0 12 3W * ? *)",
        "cron(0 6 ? * 3#2 *)",
        "cron(0 6 ? * MON-FRI *)",
        "cron(5/15 0-20/4 ? JAN,JUL SUN,7 2028/2)",
        "cron(0 6 ? * L *)",
        "cron(0 0 29 2 ? 2028)",
    ],
)
def test_six_fields_pass_as_they_are(written: str) -> None:
    assert cron_expression(written) == written
    assert cron_expression(written.removeprefix("cron(").removesuffix(")").lower()) == written


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("60 1 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of the month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * 8", "day of the week"),
        ("0 0 * * MONDAY", "day of the week"),
        ("0 22-2 * * *", "backwards"),
        ("5/15 * * * *", "step without a range"),
        ("*/90 * * * *", "step outside 1-60"),
        ("*/0 * * * *", "step outside 1-60"),
        ("*-5 * * * *", "mixes"),
        ("0, * * * *", "minute"),
        ("-5 * * * *", "minute"),
        ("? 0 * * *", "minute"),
        ("0 0 L * *", "day of the month"),
        ("99999999999999999999 * * * *", "outside"),
        ("0 6 * *", "4 fields"),
        ("", "0 fields"),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "time zone"),
        ("0 0 6 * * *", "must be ?"),
        ("0 6 ? * ? *", "must be ?"),
        ("0 6 ? * 1#6 *", "five of a weekday"),
        ("0 6 ? * 3#1,6#3 *", "day of the week"),
        ("0 6 ? * 8 *", "outside 1-7"),
        ("0 6 ? * 0 *", "outside 1-7"),
        ("0 6 ? * MON/2 *", "list the days"),
        ("0 6 ? * FRI-MON *", "backwards"),
        ("0 6 L-3 * ? *", "day of the month"),
        ("0 6 32W * ? *", "outside 1-31"),
        ("0 6 * * ? 1969", "outside 1970-2199"),
    ],
)
def test_what_is_no_cron_is_refused_with_the_field(written: str, said: str) -> None:
    error = refused(written)

    assert error.code == "cron_invalid"
    assert said in error.message + error.hint


@pytest.mark.parametrize(
    ("written", "word"), [("0 0 1 * 1", " or "), ("0 0 */2 * MON", " and "), ("0 0 1 * */2", " and ")]
)
def test_two_restricted_day_fields_are_refused_with_what_cron_would_make_of_them(written: str, word: str) -> None:
    error = refused(written)

    assert error.code == "cron_not_convertible"
    assert f"the day of the month{word}the day of the week" in error.message
    assert "one schedule" in error.hint


def test_even_the_longest_conversion_fits_into_eventbridge() -> None:
    """Pairs with a gap of one are what takes the most characters: no range shortens them."""
    minutes, hours, days, months = (
        ",".join(str(value) for value in range(low, high) if value % 3 != gap)
        for low, high, gap in ((0, 60, 2), (0, 24, 2), (1, 32, 0), (1, 13, 0))
    )

    assert 220 < len(cron_expression(f"{minutes} {hours} {days} {months} *")) <= 256


def test_six_fields_that_are_too_long_for_eventbridge_are_refused() -> None:
    minutes, hours = ",".join(map(str, range(60))), ",".join(map(str, range(24)))

    error = refused(f"{minutes} {hours} ? * MON,TUE 2028,2029,2030,2031,2032")

    assert error.code == "cron_invalid"
    assert "256" in error.message


@pytest.mark.parametrize(
    "written", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30W 2 ? *", "0 0 29 2 ? 2027"]
)
def test_a_date_that_never_comes_is_refused(written: str) -> None:
    assert refused(written).code == "cron_never_fires"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("6 hours", "rate(6 hours)"),
        ("1 hours", "rate(1 hour)"),
        ("1 hour", "rate(1 hour)"),
        ("2 hour", "rate(2 hours)"),
        ("30 Minutes", "rate(30 minutes)"),
        ("rate(6 hours)", "rate(6 hours)"),
        (" rate( 1  day ) ", "rate(1 day)"),
        ("007 days", "rate(7 days)"),
    ],
)
def test_rates_have_the_number_that_eventbridge_wants(written: str, expected: str) -> None:
    assert rate_expression(written) == expected


@pytest.mark.parametrize(
    "written", ["0 minutes", "30 seconds", "1.5 hours", "6h", "-1 hours", "hours", "", "9999999 days"]
)
def test_what_is_no_rate_is_refused(written: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rate_expression(written)

    assert caught.value.code == "rate_invalid"
    assert "6 hours" in caught.value.hint


def test_a_cluster_without_a_schedule_has_no_request() -> None:
    assert schedule_request(cluster_spec(schedule=None)) is None


def test_a_request_carries_time_zone_window_and_pause() -> None:
    schedule = {"rate": "6 hours", "timezone": "Asia/Tokyo", "flexible_minutes": 15, "paused": True}

    request = schedule_request(cluster_spec("tokyo-1", schedule=schedule))

    assert request is not None
    assert request.model_dump() == {
        "cluster_id": "tokyo-1",
        "purpose": "backup",
        "expression": "rate(6 hours)",
        "timezone": "Asia/Tokyo",
        "flexible_minutes": 15,
        "enabled": False,
    }


def _items(low: int, high: int, names: list[str], base: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    word = st.sampled_from(names) if names else number.map(str)
    span = st.tuples(number, number).map(sorted)
    step = st.integers(1, min(7, high - low))
    return st.one_of(
        number.map(str),
        word,
        span.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.builds(lambda pair, by: f"{pair[0]}-{pair[1]}/{by}", span, step),
        st.builds(lambda by: f"*/{by}", step),
    )


def _field(low: int, high: int, names: str = "", base: int = 0) -> st.SearchStrategy[str]:
    lists = st.lists(_items(low, high, names.split(), base), min_size=1, max_size=4).map(",".join)
    return st.one_of(st.just("*"), lists)


CRONTABS = st.builds(
    lambda *fields: " ".join(fields),
    _field(0, 59),
    _field(0, 23),
    _field(1, 31),
    _field(1, 12, "jan FEB Mar apr may jun jul aug sep oct nov dec"),
    _field(0, 7, "sun MON Tue wed thu fri sat"),
)


@settings(max_examples=300, deadline=None)
@given(CRONTABS)
def test_a_converted_cron_fires_when_the_crontab_does(crontab: str) -> None:
    days = crontab_days(crontab, FIRST, DAYS)
    try:
        expression = cron_expression(crontab)
    except InvalidInputError as error:
        refusal = error.code
    else:
        refusal = ""
    if refusal == "cron_never_fires":
        assert days == set()
        return
    if refusal:
        _, _, day, _, weekday = crontab.split()
        assert (refusal, day == "*", weekday == "*") == ("cron_not_convertible", False, False)
        return

    assert eventbridge_times(expression) == crontab_times(crontab)
    assert eventbridge_days(expression, FIRST, DAYS) == days
    assert days != set()
    assert cron_expression(expression) == expression, "what was converted is valid EventBridge by our own check too"
