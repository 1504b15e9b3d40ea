"""The command line that the measurements share: figures go to standard output, everything else to standard error."""

import argparse
import json
import os
import platform
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from bench.problem import BenchError

# Size of the database in MB, the store's name, the number of rounds, and where to say what is being done.
type Measurement = Callable[[int, str, int, Console], dict[str, object]]


def command(description: str, measure: Measurement) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--mb", type=int, default=400, help="size of the database (default 400)")
    parser.add_argument("--s3", default="localstack", help="localstack, ceph, or the URL of an S3 server")
    parser.add_argument("--endpoint-url", help="the same as --s3 URL")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the figures are medians (default 3)")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    arguments = parser.parse_args()
    note = Console(stderr=True)
    try:
        figures = measure(arguments.mb, arguments.endpoint_url or arguments.s3, arguments.repeat, note)
    except BenchError as error:
        note.print(f"error: {error}", style="red", markup=False)
        return 1
    if arguments.output == "json":
        print(json.dumps(figures, indent=2))
    else:
        Console().print(_table(figures))
    return 0


def machine() -> str:
    """With the load at the end of the measurement, its own share included."""
    return f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


def _table(figures: dict[str, object]) -> Table:
    table = Table("figure", "value", title=f"backup of {figures['db_mb']} MB to {figures['s3']}")
    for name, value in figures.items():
        table.add_row(name, str(value))
    return table
