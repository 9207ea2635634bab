"""What a cell may take of its worker, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def ended(body: str) -> subprocess.CompletedProcess:
    script = "import resource, time\nfrom coldbench.runs.limits import GIB, limited\n" + textwrap.dedent(body)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)


def test_memory_past_the_limit_is_refused_and_the_process_goes_on():
    done = ended("""
        before = resource.getrlimit(resource.RLIMIT_DATA)
        with limited(None, 0.1):
            bytearray(GIB // 20)
            try:
                bytearray(GIB // 2)
            except MemoryError:
                print("refused")
        assert resource.getrlimit(resource.RLIMIT_DATA) == before
        print(len(bytearray(GIB // 2)) == GIB // 2)
    """)
    assert done.stdout.split() == ["refused", "True"], done.stderr


def test_a_limit_from_outside_stays():
    done = ended("""
        resource.setrlimit(resource.RLIMIT_DATA, (4 * GIB, 4 * GIB))
        with limited(None, 100):
            print(resource.getrlimit(resource.RLIMIT_DATA) == (4 * GIB, 4 * GIB))
    """)
    assert done.stdout.split() == ["True"], done.stderr


def test_time_that_is_up_ends_the_process():
    done = ended("""
        with limited(0.5, None):
            time.sleep(30)
        print("went on")
    """)
    assert done.returncode != 0
    assert done.stdout == ""


def test_time_that_was_enough_ends_nothing():
    done = ended("""
        with limited(0.3, None):
            pass
        time.sleep(0.6)
        print("went on")
    """)
    assert done.stdout.split() == ["went", "on"], done.stderr
