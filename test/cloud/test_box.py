"""The deployment at work in the box: changes arrive, failures are told, nothing is lost whatever becomes of the events.

Slow and not in `make test`: `make test-cloud`.
"""
from lib.cloud import OPERATOR


def same(box):
    """The warehouse shows the source."""
    counts = {"fact_sales_order": "sales_order", "fact_purchase_order": "purchase_order", "fact_payment": "payment"}
    assert {table: box.warehouse(f"select count(*) from {table}_current") for table in counts} == {
        table: box.source(f"select count(*) from {source}") for table, source in counts.items()}
    assert box.warehouse("select sum(units_sold) from fact_sales_order_current") == box.source(
        "select sum(units_sold) from sales_order")
    numbers = box.warehouse("select array_agg(batch order by batch) from tote.batch")
    assert numbers == list(range(1, len(numbers) + 1)), "each batch once, in order"


def arrives(box, name, seconds=120):
    box.source(f"update design set design_name = '{name}' where design_id = 1")
    return box.until(f"'{name}' in the warehouse", seconds,
                     lambda: box.warehouse("select design_name from dim_design where design_id = 1") == name)


def test_a_change_arrives_by_itself_within_two_minutes(box):
    _, seconds = arrives(box, "Oak")
    assert seconds < 120
    same(box)


def test_every_invocation_says_how_fresh_it_is(box):
    for step in ("ingest", "process", "load"):
        assert '"freshness_seconds"' in box.log(step) and '"environment":"box"' in box.log(step).replace(" ", "")


def test_events_doubled_delayed_reordered_and_from_elsewhere(box):
    first, last = box.records("ingestion")[0], box.records("ingestion")[-1]
    for step, zone in (("process", "ingestion"), ("load", "processed")):
        box.send(step, box.record_event(zone, last), delay=5)
        for _ in range(3):
            box.send(step, box.record_event(zone, last))
        box.send(step, box.record_event(zone, first))
    arrives(box, "Ash", 180)
    for step in ("process", "load"):
        box.until(f"{step} is done with all of them", 180, lambda step=step: box.depth(step) == 0)
        assert box.depth(step, dead=True) == 0
    same(box)


def test_a_lost_event_is_made_good_by_the_next(box):
    events = box.client("events")
    rule = box.outputs["queues"]["process"]["name"]
    events.disable_rule(Name=rule)
    try:
        before = len(box.records("ingestion"))
        box.source("update design set design_name = 'Lost' where design_id = 1")
        box.until("ingest commits it", 120, lambda: len(box.records("ingestion")) > before)
    finally:
        events.enable_rule(Name=rule)
    arrives(box, "Elm", 180)
    same(box)


def test_an_outage_of_the_source_is_told(box):
    mails = box.mailed()
    box.break_source()
    try:
        box.until("the schedule calls ingest", 120, lambda: '"code":"UNAVAILABLE"' in box.log("ingest"))
        told, _ = box.until("the alarm", 120, lambda: box.alarmed("tote-box-ingest-errors"))
        assert "Runbook: ingest-errors" in told["AlarmDescription"]
        assert box.mailed() > mails, f"an e-mail to {OPERATOR}"
    finally:
        box.mend_source()
    arrives(box, "Yew", 180)


def test_a_removed_permission_is_told_by_name(box):
    box.source("revoke select on staff from tote_source")
    try:
        error, answer = box.invoke("ingest")
        assert error and answer["errorType"] == "DENIED" and "staff" in answer["errorMessage"], answer
        error, answer = box.invoke("doctor")
        assert error and "staff" in answer["errorMessage"], answer
    finally:
        box.source("grant select on staff to tote_source")
    error, answer = box.invoke("doctor")
    assert not error, answer


def test_what_fails_again_and_again_lies_dead_until_it_is_redriven(box):
    """The warehouse's password changes: load fails, its message dies, is told, and is put back after the mending."""
    box.change_password()
    before = box.batches()
    box.source("update design set design_name = 'Fir' where design_id = 1")
    box.until("a dead message", 400, lambda: box.depth("load", dead=True) > 0)
    box.until("the alarm", 60, lambda: box.alarmed("tote-box-load-dead-letters"))
    assert box.batches() == before
    assert box.warehouse_server.password("tote_loader") not in box.log("load")
    box.rotate_secret()
    box.redrive("load")
    box.until("it is in the warehouse", 120,
              lambda: box.warehouse("select design_name from dim_design where design_id = 1") == "Fir")
    box.until("no dead message is left", 60, lambda: box.depth("load", dead=True) == 0)
    same(box)


def test_a_message_that_nobody_understands_dies_alone(box):
    box.send("process", "no JSON at all")
    arrives(box, "Box", 180)
    box.until("it lies dead", 400, lambda: box.depth("process", dead=True) == 1)
    same(box)
