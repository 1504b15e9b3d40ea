"""Memory does not grow with the database: measured by the kernel in a process of its own."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import resource, sys
from datetime import UTC, datetime
sys.path.insert(0, {tests!r})
from builders.snapshot_stream import endless_pages
from holdfast.engine.transfer import transfer_snapshot
from holdfast.storage.base import Completed

class Sink:
    def start_upload(self, key): return self
    def part(self, number, data): pass
    def complete(self): return Completed("sha256:none-1", None)
    def abort(self): pass

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before = peak()
now = datetime.now(UTC)
transfer_snapshot(endless_pages({megabytes}), Sink(), "k", part_bytes=8 << 20, clock=lambda: now, progress=abs)
print(peak() - before)
"""


def _growth_mb(megabytes: int) -> int:
    program = PROGRAM.format(tests=str(Path(__file__).parents[2]), megabytes=megabytes)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    return int(done.stdout)


def test_three_hundred_megabytes_take_no_more_memory_than_a_hundred() -> None:
    hundred, three_hundred = _growth_mb(100), _growth_mb(300)
    assert three_hundred < 120
    assert three_hundred - hundred < 30
