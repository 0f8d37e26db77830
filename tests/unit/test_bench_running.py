"""benchmarks.decide50.running: CPU and memory of whole process trees."""

import sys
import time

import pytest

from benchmarks.decide50.running import JobError, measure

BURN = "import time; until = {s} + time.process_time()\nwhile time.process_time() < until: pass"
HOLD = "import time; held = bytearray({mb} << 20); time.sleep(0.8)"


def python(text):
    return [sys.executable, "-c", text]


def children(text, count):
    """A parent that starts `count` children of `text` at once and waits for them."""
    return python(
        "import subprocess, sys\n"
        f"all = [subprocess.Popen([sys.executable, '-c', {text!r}]) for _ in range({count})]\n"
        "[each.wait() for each in all]"
    )


@pytest.mark.parametrize("count", [1, 2])
def test_cpu_is_that_of_the_process_and_of_its_children(count):
    burn = BURN.format(s=0.4)
    assert measure(children(burn, count)).cpu_s >= 0.4 * count


def test_cpu_of_children_that_nobody_waited_for_counts():
    burn = BURN.format(s=0.4) + "\nprint('burnt', flush=True); time.sleep(60)"
    spent = measure(
        python(
            "import subprocess, sys, time\n"
            f"child = subprocess.Popen([sys.executable, '-c', {burn!r}], stdout=subprocess.PIPE)\n"
            "child.stdout.readline(); time.sleep(1.0)"
        )
    )
    assert spent.cpu_s >= 0.4
    assert spent.wall_s < 50


def test_sleep_is_wall_clock_and_no_cpu():
    spent = measure(python("import time; time.sleep(0.5)"))
    assert spent.wall_s >= 0.5
    assert spent.cpu_s < 0.4


def test_peak_memory_is_that_of_the_tree():
    one = measure(children(HOLD.format(mb=60), 1))
    two = measure(children(HOLD.format(mb=60), 2))
    assert one.peak_mb >= 60
    assert two.peak_mb >= 120
    assert two.processes == 3


def test_what_a_job_leaves_behind_is_ended(tmp_path):
    mark = tmp_path / "alive"
    left = f"import time; time.sleep(1.0); open({str(mark)!r}, 'w')"
    measure(python(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {left!r}])"))
    time.sleep(1.5)
    assert not mark.exists()


def test_a_job_that_fails_says_how():
    with pytest.raises(JobError, match="ended with 3: so it goes"):
        measure(python("import sys; print('so it goes', end=''); sys.exit(3)"))


def test_a_job_that_never_ends_is_ended():
    with pytest.raises(JobError):
        measure(python("import time; time.sleep(60)"), timeout_s=0.3)
