"""docs/runbook.md: every command is typed as it stands there, by AWS's own command line, at the deployment in the box. If these
fail, somebody who is called at night types what does not work."""
import datetime
import json
import os
import re
import shutil
import subprocess
import zipfile

import pytest

from lib.terraform import ROOT

AWS = ROOT / ".cache" / "awscli"
BUILD = ROOT / os.environ.get("BUILD", "build")

pytestmark = pytest.mark.skipif(not AWS.exists(), reason="SKIPPED LOUDLY: Amazon publishes its command line for x86_64 only here")

FENCE = re.compile(r"(?:^\*Not tried in the box: (?P<why>[^*]+)\*\n\n)?^ *```\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)

# Whoever types the commands is asked by each of terraform's, and says yes.
YES = 'terraform() { echo yes | command terraform "$@"; }\n'


class Runbook:
    def __init__(self, box):
        self.box = box
        self.blocks = {}
        self.reasons = {}
        self.ran = set()
        for section in re.split(r"^#+ ", (ROOT / "docs/runbook.md").read_text(), flags=re.MULTILINE)[1:]:
            heading = section.partition("\n")[0].strip("`")
            for number, found in enumerate(FENCE.finditer(section)):
                self.blocks[heading, number] = found["text"]
                if found["why"]:
                    self.reasons[heading, number] = found["why"]

    def run(self, heading, number=0, stdin="", fails=False, after="", **variables):
        """What a block prints, both streams together."""
        self.ran.add((heading, number))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "TOTE_", "PG"))}
        env = kept | self.box.shell() | {"TF_CLI_ARGS": "-no-color"} | variables
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", YES + after + self.blocks[heading, number]], env=env, input=stdin, text=True,
                              cwd=self.box.terraform.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
                              start_new_session=True, check=False)  # no terminal: psql asks on its standard input
        assert (done.returncode != 0) == fails, f"{heading}, block {number}, ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return done.stdout

    def from_a_machine(self, heading, number=0, **options):
        return self.run(heading, number, after=self.blocks["From a machine", 0], **options)


@pytest.fixture(scope="module")
def runbook(box):
    return Runbook(box)


def change(box, name):
    """A change, and the step that captures it called at once; the others follow by themselves."""
    box.source(f"update design set design_name = '{name}' where design_id = 1")
    error, answer = box.invoke("ingest")
    assert not error, answer


def arrives(box, name, shown=None):
    change(box, name)
    box.until(f"'{name}' in the warehouse", 120,
              lambda: box.warehouse("select design_name from dim_design where design_id = 1") == (shown or name))


def test_a_step_is_called_and_its_log_is_read(box, runbook):
    box.break_source()
    try:
        said = runbook.run("Runbook")
    finally:
        box.mend_source()
    assert '"errorType": "UNAVAILABLE"' in said and '"code":"UNAVAILABLE"' in said, said


def test_every_kind_of_alarm_goes_off_and_names_its_heading(box, runbook):
    """Fed with what AWS's services or the program would measure. Those of RDS are missing: Terraform's provider cannot plan a
    network of MiniStack a second time, and a database needs one."""
    cloudwatch, now = box.client("cloudwatch"), datetime.datetime.now(datetime.timezone.utc)
    one_of_each = {}
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        step, _, kind = alarm["AlarmName"].removeprefix("tote-box-").partition("-")
        one_of_each[kind] = alarm
        assert alarm["AlarmDescription"].endswith(f"Runbook: {step}-{kind}")
        assert alarm["AlarmActions"] == alarm["OKActions"] == [box.outputs["alarms"]["topic"]]
    assert set(one_of_each) == {"errors", "logged-errors", "throttles", "duration", "dead-letters", "queue-age", "freshness",
                                "quarantine"}
    box.alarmed("tote-box-")  # what was told until now
    box.seen.clear()
    for kind, alarm in one_of_each.items():
        for period in range(alarm["EvaluationPeriods"]):
            cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[{
                "MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": alarm["Threshold"] + 1,
                "Timestamp": now - datetime.timedelta(seconds=alarm["Period"] * period)}])
    for kind, alarm in one_of_each.items():
        def state(alarm=alarm):
            box.alarmed("tote-box-")
            return cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"][0]["StateValue"] == "ALARM"
        box.until(f"the alarm {alarm['AlarmName']}", 60, state)


def test_the_limit_of_the_account(runbook):
    assert int(runbook.run("throttles")) > 0


def test_dead_letters_are_looked_at_and_done_with(box, runbook):
    sqs, name = box.client("sqs"), box.outputs["queues"]["load"]["dead_name"]
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
                     MessageBody=json.dumps(box.record_event("processed", box.records("processed")[-1])))
    assert "_batches/" in runbook.run("dead-letters", 0)
    said = runbook.run("dead-letters", 2, fails=True)  # AWS's command line finds nothing wrong with it, MiniStack does
    assert "calling the StartMessageMoveTask operation" in said and "InvalidAction" in said, said
    assert box.depth("load", dead=True) == 1
    assert '"step": "load"' in runbook.run("dead-letters", 1)
    assert box.depth("load", dead=True) == 0


def test_triggers_are_looked_at_and_switched_on(box, runbook):
    functions, events, rule = box.client("lambda"), box.client("events"), "tote-box-process"
    uuid, state = runbook.run("queue-age", 0).split()
    assert state == "Enabled"
    functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    assert runbook.run("queue-age", 0).split() != [uuid, "Enabled"]
    runbook.run("queue-age", 1)
    box.until("it is on", 60, lambda: functions.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")
    assert runbook.run("freshness", 0).split() == ["ENABLED"]
    events.disable_rule(Name=rule)
    assert runbook.run("freshness", 1).split() == ["DISABLED"]
    assert events.describe_rule(Name=rule)["State"] == "ENABLED"
    arrives(box, "Switched on")


def test_what_was_changed_by_hand_is_put_back(box, runbook):
    iam = box.client("iam")
    iam.delete_role_policy(RoleName="tote-box-load", PolicyName="work")
    said = runbook.run("Undo what was changed by hand")
    assert "module.warehouse.module.function.aws_iam_role_policy.this will be created" in said, said
    assert iam.get_role_policy(RoleName="tote-box-load", PolicyName="work")["PolicyDocument"]


def test_a_setting_is_changed(box, runbook):
    """What the alarms throttles and duration ask for."""
    settings = json.loads((box.terraform.folder / "test.auto.tfvars.json").read_text())
    settings["sizes"]["load"] |= {"timeout": 50, "memory": 1024}
    settings["sizes"]["process"]["reserved"] = 3
    box.terraform.variables(**settings)
    runbook.run("Change a setting")
    functions = box.client("lambda")
    load = functions.get_function_configuration(FunctionName="tote-box-load")
    assert (load["Timeout"], load["MemorySize"]) == (50, 1024)
    assert functions.get_function_concurrency(FunctionName="tote-box-process")["ReservedConcurrentExecutions"] == 3


def test_everything_is_stopped_and_goes_on(box, runbook):
    runbook.run("Stop everything, and go on", 0)
    for name in box.outputs["schedules"]:
        assert box.client("scheduler").get_schedule(Name=name)["State"] == "DISABLED"
    before = len(box.records("ingestion"))
    box.source("update design set design_name = 'Meanwhile' where design_id = 1")
    runbook.run("Stop everything, and go on", 1)
    box.until("what happened meanwhile is in the warehouse", 180, lambda: box.warehouse(
        "select design_name from dim_design where design_id = 1") == "Meanwhile")
    assert len(box.records("ingestion")) == before + 1


def test_a_machine_does_what_the_functions_do(box, runbook):
    head = box.batches()
    assert f"{head}" in runbook.run("From a machine")
    box.source("update design set design_name = 'By hand' where design_id = 1")
    said = runbook.from_a_machine("The first load of a large database")
    assert "all is well" in said and f"ingest   batch {head + 1}" in said, said
    assert box.warehouse("select design_name from dim_design where design_id = 1") == "By hand"
    assert '"head": ' in runbook.run("Compare everything")


def test_what_killed_runs_left_is_removed(box, runbook):
    s3, bucket = box.client("s3"), box.outputs["buckets"]["ingestion"]
    left = "_index/staff/0000000001-abcdef-0.index"
    s3.put_object(Bucket=bucket, Key=left, Body=b"left", IfNoneMatch="*")
    said = runbook.from_a_machine("Remove what killed runs left")
    assert said.count("ingestion  0 objects") == 2, said  # it is too young
    runbook.blocks["sweep", 0] = "tote sweep --grace 0s\n"
    assert "ingestion  1 object, 4 bytes removed" in runbook.from_a_machine("sweep")
    assert left not in [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix="_index/staff/")["Contents"]]
    del runbook.blocks["sweep", 0]


def test_replay_brings_the_children_of_a_mended_parent(box, runbook):
    contract = box.models / "clean" / "design.sql"
    contract.write_text("-- kind: clean\n-- check: design_name <> ''\n")
    box.source("insert into design values (9001, now(), '', '/designs', 'oak.json', now())")
    box.source("update sales_order set design_id = 9001 where sales_order_id = 45")
    error, answer = box.invoke("ingest")
    assert not error, answer
    batch = answer["head"]
    box.until("it is loaded", 120, lambda: box.batches() >= batch)
    order = "select design_id from fact_sales_order_current where sales_order_id = 45"
    assert box.warehouse(order) != 9001
    box.source("update design set design_name = 'Mended' where design_id = 9001")
    error, answer = box.invoke("ingest")
    box.until("the parent is there", 120, lambda: box.warehouse("select design_name from dim_design where design_id = 9001") == "Mended")
    assert box.warehouse(order) != 9001
    said = runbook.from_a_machine("Replay rows that were put aside")
    assert "fact_sales_order gets another try" in said, said
    box.until("the child is there", 120, lambda: box.warehouse(order) == 9001)


def test_a_deleted_object_and_a_deleted_record_are_brought_back(box, runbook):
    arrives(box, "Beech")
    s3, bucket, heading = box.client("s3"), box.outputs["buckets"]["processed"], "An object of the lake is gone or damaged"
    stars = s3.list_objects_v2(Bucket=bucket, Prefix="star/dim_staff/")["Contents"]
    parquet = next(found["Key"] for found in stars if found["Key"].endswith(".parquet"))
    s3.delete_object(Bucket=bucket, Key=parquet)
    assert parquet in runbook.from_a_machine(heading, 0, fails=True)
    assert parquet in runbook.run(heading, 1, BUCKET=bucket, KEY=parquet)
    assert "all is as recorded" in runbook.from_a_machine(heading, 0)
    newest = box.records("processed")[-1]
    s3.delete_object(Bucket=bucket, Key=newest)
    try:
        error, answer = box.invoke("load")
        assert error and "put back to an earlier state" in answer["errorMessage"], answer
    finally:
        runbook.run(heading, 1, BUCKET=bucket, KEY=newest)
    arrives(box, "Fig")


def test_the_warehouse_is_restored_from_the_lake(box, runbook):
    """Everything is dropped; load makes it again, history included, and goes on from there."""
    everything = "select md5(string_agg(t::text, ',' order by t::text)) from fact_sales_order t"
    before, batch = box.warehouse(everything), box.batches()
    runbook.run("Restore the warehouse from the lake", 0)
    assert not box.warehouse("select to_regclass('fact_sales_order') is not null")
    said = runbook.run("Restore the warehouse from the lake", 1)
    assert f'"head": {batch}' in said, said
    assert box.warehouse(everything) == before
    arrives(box, "Larch")


def test_a_secret_is_rotated(box, runbook):
    runbook.run("Rotate a secret", 0, stdin="another\nanother\n")
    box.warehouse("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tote_loader'")
    error, answer = box.invoke("load")
    assert error and answer["errorType"] == "DENIED", answer
    runbook.run("Rotate a secret", 1, stdin=box.warehouse_server.url("tote_loader", "another"))
    arrives(box, "Rowan")


def test_an_upgrade_and_back(box, runbook, tmp_path):
    """The zips of another build, with a model that changed: a new generation of its table, from history; and back again."""
    settings = json.loads((box.terraform.folder / "test.auto.tfvars.json").read_text())
    functions = box.client("lambda")

    def deployed():
        return {name: functions.get_function_configuration(FunctionName=f"tote-box-{name}")["CodeSha256"]
                for name in box.outputs["functions"]}

    def names():
        return box.warehouse("select array_agg(design_name order by design_id) from dim_design")

    old, before = deployed(), names()
    for path in (BUILD / "lambda").glob("*-x86_64.zip"):
        shutil.copy(path, tmp_path)
        with zipfile.ZipFile(tmp_path / path.name, "a") as archive:
            archive.writestr("another-build", "of the same program")
    model = box.models / "dim_design.sql"
    kept = model.read_text()
    model.write_text(kept.replace("design_name", "upper(design_name) as design_name", 1))
    box.terraform.variables(**settings | {"zip_directory": str(tmp_path)})
    runbook.run("Change a setting")
    assert not set(old.values()) & set(deployed().values())
    arrives(box, "Maple", shown="MAPLE")
    assert names() == ["MAPLE", *[name.upper() for name in before[1:]]]
    model.write_text(kept)
    box.terraform.variables(**settings)
    runbook.run("Change a setting")
    assert deployed() == old
    arrives(box, "Hazel")
    assert names() == ["Hazel", *before[1:]]


def test_it_is_removed(box, runbook):
    runbook.run("Remove it")
    assert box.client("lambda").list_functions()["Functions"] == []
    assert box.client("s3").list_buckets()["Buckets"] == []
    assert "values" not in box.terraform.show()


def test_every_command_was_tried(runbook, request):
    here = {item.name for item in request.session.items if item.module is request.module}
    if here != {name for name in vars(request.module) if name.startswith("test_")}:
        pytest.skip("only when all of this file runs")
    assert set(runbook.blocks) - runbook.ran == {("Upgrade, and back", 0)}
    assert set(runbook.reasons) == {("dead-letters", 2), ("Upgrade, and back", 0)}
    text = (ROOT / "docs/runbook.md").read_text()
    assert text.count("```\n") == 2 * len(runbook.blocks), "a block that this file does not see"
