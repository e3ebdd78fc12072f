"""Runs that meet each other, and runs that are stopped: whatever happens, each version arrives once. If these fail, a
schedule that overlaps or an impatient operator corrupts the warehouse."""
import random
import signal
import subprocess
import time

import pytest

import shop
from lib.tote import Tote, program

CONFLICT = 5
CANCELLED = 130
MANY = 6000  # orders, so that a run takes long enough to be stopped in every part of it


def set_up_shop(tote, database, target):
    shop.fill(database)
    shop.set_up(tote, database.url, **({"warehouse": target.url} if target else {}))
    tote.source = database
    tote.target = shop.open_warehouse(tote, target)
    return tote


@pytest.fixture
def place(database, tote):
    """The shop with a DuckDB warehouse."""
    return set_up_shop(tote, database, None)


@pytest.fixture(params=["duckdb", "postgres"])
def any_place(request, server, database, tote):
    """The shop with each kind of warehouse."""
    target = server.create() if request.param == "postgres" else None
    yield set_up_shop(tote, database, target)
    if target:
        target.drop()


@pytest.fixture
def long_place(any_place):
    any_place.source.execute(f"insert into orders select i, 1 + i % 3, 1 + i % 3, i, i, '2024-05-05', repeat('x', i % 90)"
                             f" from generate_series(1000, {MANY + 999}) i")
    return any_place


def change(place, number):
    """Something in every table, different each time."""
    place.source.execute(f"""
        insert into customer values ({100 + number}, 'customer {number}', null);
        insert into orders values ({100 + number}, {100 + number}, 1, 1, {number}, '2024-06-01', null);
        update orders set quantity = quantity + 1, note = 'round {number}' where order_id % 3 = {number % 3};
        delete from orders where order_id = {99 + number};
        update item set label = 'label {number}' where item_id = 1 + {number % 3};
        insert into log values ('{number}')""")


def check(place):
    shop.check_now(place, place.source, place.target)


def clear_ending(result):
    """A runner that was too late says so and is no alarm."""
    assert result.status in (0, CONFLICT), result
    if result.status == CONFLICT:
        assert "runner" in result.stderr or "loaded already" in result.stderr, result
    return result


def test_runners_at_once_bring_each_version_once(any_place):
    place = any_place
    for number, runners in enumerate([2, 2, 4, 2]):
        if number:
            change(place, number)
        results = [clear_ending(running.wait()) for running in [place.start("run") for _ in range(runners)]]
        assert any(result.status == 0 for result in results), results
    place.ok("run")
    check(place)
    assert len(place.records()) == 4


def test_runners_keep_going_while_the_source_changes(any_place):
    place = any_place
    place.ok("run")
    runners = [place.start("run", "--every", "1s") for _ in range(2)]
    for number in range(1, 9):
        change(place, number)
        time.sleep(0.4)
    for running in runners:
        running.interrupt()
    for running in runners:
        assert running.wait().status in (0, CANCELLED)
    place.ok("run")
    check(place)


def length_of_run(place):
    """How long a run takes that is not disturbed."""
    trial = shop.set_up(Tote(place.folder / "undisturbed"), place.source.url)
    begin = time.monotonic()
    trial.ok("run")
    return time.monotonic() - begin


def strike(place, seconds, blow):
    """A run that is hit after some time."""
    running = place.start("run", doomed=blow == signal.SIGKILL)
    time.sleep(seconds)
    begin = time.monotonic()
    running.process.send_signal(blow)
    result = running.wait()
    assert time.monotonic() - begin < 30, f"{result} took its time to stop"
    return result


def strike_often(place, blow, statuses, hits):
    """Hits runs in every part of them until so many were stopped. Each third may finish, then everything changes."""
    randomness = random.Random(blow)
    length = length_of_run(place)
    stopped = 0
    for number in range(4 * hits):
        part = (stopped % 4 + randomness.random()) / 4
        result = strike(place, part * length, blow)
        assert result.status in (0, *statuses), result
        if result.status == 0:
            length *= 0.8  # this machine has become faster
        else:
            stopped += 1
        assert result.status != CANCELLED or "interrupted" in result.stderr, result
        if result.status == 0 or stopped % 3 == 0:
            place.ok("run")
            check(place)
            place.source.execute("update orders set quantity = quantity + 1")
            change(place, number)
        if stopped == hits:
            break
    assert stopped == hits, f"only {stopped} runs were stopped"
    place.ok("run")
    check(place)


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_can_be_repeated(long_place, blow):
    strike_often(long_place, blow, (CANCELLED, -blow), hits=5)  # -blow: it had not begun to listen


def test_killed_run_can_be_repeated(long_place):
    strike_often(long_place, signal.SIGKILL, (-signal.SIGKILL,), hits=8)


def test_second_interrupt_ends_it_at_once(place):
    with place.source.connect() as blocker:
        blocker.execute("lock table orders in access exclusive mode")
        running = place.start("run", doomed=True)
        wait_until(lambda: waiting_for_lock(place.source))
        running.interrupt()
        running.interrupt()
        assert running.wait(timeout=30).status == CANCELLED
    place.ok("run")
    check(place)


def waiting_for_lock(database):
    return database.value("select count(*) from pg_locks where not granted and database ="
                          " (select oid from pg_database where datname = current_database())") > 0


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_interrupt_while_waiting_for_a_lock(place):
    """The commonest wait: somebody alters a table. Ctrl-C must not wait for him."""
    with place.source.connect() as blocker:
        blocker.execute("lock table orders in access exclusive mode")
        running = place.start("run")
        wait_until(lambda: waiting_for_lock(place.source))
        running.interrupt()
        result = running.wait(timeout=30)
        assert result.status == CANCELLED and "interrupted" in result.stderr, result
        wait_until(lambda: not waiting_for_lock(place.source))
    place.ok("run")
    check(place)


def test_loop_goes_on_until_it_is_interrupted(place):
    running = place.start("run", "--every", "1s")
    for number in range(1, 3):
        wait_until(lambda number=number: loaded(place) == number)
        change(place, number)
    wait_until(lambda: loaded(place) == 3)
    running.interrupt()
    result = running.wait(timeout=30)
    assert result.status in (0, CANCELLED), result
    assert result.stdout.count("batch 3") >= 3, result
    place.ok("run")
    check(place)


def test_loop_ends_with_zero_between_rounds(place):
    running = place.start("run", "--every", "1h")
    wait_until(lambda: loaded(place) == 1)
    time.sleep(0.5)
    running.interrupt()
    result = running.wait(timeout=30)
    assert result.status == 0, result
    check(place)


def loaded(place):
    """The last batch in the warehouse. A DuckDB file cannot be looked at while it is written, and need not be there yet."""
    result = place.run("query", "select coalesce(max(batch), 0) from tote.batch", "--csv")
    found = result.stdout.split()
    return int(found[-1]) if result.status == 0 else 0


def test_loop_outlives_what_goes_wrong_for_a_while(place):
    """The error of one round is said, and the next one tries again."""
    place.ok("run")
    place.write("models/dim_item.sql", "select")
    change(place, 1)
    with subprocess.Popen([program(), "-C", str(place.folder), "run", "--every", "1s"], env=place.environment(),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        assert "dim_item" in running.stderr.readline()
        place.write("models/dim_item.sql", shop.MODELS["dim_item.sql"])
        wait_until(lambda: loaded(place) == 2)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) in (0, CANCELLED)
    check(place)


def through(place, command, *arguments):
    """The program in a pipe whose reader does not read to the end."""
    return subprocess.run(["bash", "-c", f'set -o pipefail; "$@" | {command}', "bash", program(), "-C",
                           str(place.folder), *arguments], env=place.environment(), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)


def test_reader_that_stops_reading_stops_no_batch(place):
    for number, command in enumerate(["head -1", "true", "head -c 1"]):
        change(place, number)
        result = through(place, command, "run", "--verbose")
        assert result.returncode == 0, result
        check(place)
        for arguments in (["status"], ["history", "--json"], ["config"], ["help", "--man"]):
            result = through(place, command, *arguments)
            assert result.returncode == 0 and not result.stderr, result


def test_loop_ends_when_nobody_listens_any_more(place):
    result = through(place, "head -1", "run", "--every", "1s")
    assert result.returncode == 0, result
    place.ok("run")
    check(place)
