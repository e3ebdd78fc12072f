"""The functions of AWS Lambda, as programs: started, woken by events, stopped by time."""
import json
import os
import pathlib
import socket
import subprocess

import psycopg
import pytest

from lib.function import Emulator, Function, check_bootstrap, object_event, queue_event, release_bootstrap
from lib.network import Network
from lib.servers import MotoServer, S3Server
from lib.tote import ROOT


class Cloud:
    """The project of a test, configured as functions are: by environment alone."""

    def __init__(self, project, warehouse=None):
        self.project = project
        lake = project.folder / "lake"
        self.env = {
            "TOTE_SOURCE_URL": project.source.url, "TOTE_SOURCE_EXCLUDE": "_prisma_migrations",
            "TOTE_LAKE_INGESTION": str(lake / "ingestion"), "TOTE_LAKE_PROCESSED": str(lake / "processed"),
            "TOTE_WAREHOUSE_URL": warehouse or f"duckdb:{project.folder}/warehouse.duckdb",
            "TOTE_MODELS": str(ROOT / "models"), "TOTE_WORK_DIR": "/tmp", "TOTE_ENVIRONMENT": "test",
        }

    def function(self, handler, more=None, **options):
        return Function(handler, self.env | (more or {}), **options)

    def change(self, name):
        self.project.source.execute(f"update design set design_name = '{name}' where design_id = 1")

    def batches(self, count):
        """Batches of the ingestion log, made by the program itself."""
        for number in range(count):
            self.change(f"design {number}")
            self.project.ok("ingest")


@pytest.fixture
def cloud(project):
    return Cloud(project)


@pytest.fixture
def postgres_cloud(project, server):
    database = server.create()
    project.configure(project.source.url, warehouse=database.url)
    cloud = Cloud(project, database.url)
    cloud.warehouse = database
    yield cloud
    database.drop()


def failures(answer):
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_three_functions_carry_a_change_to_the_warehouse(cloud):
    with cloud.function("ingest") as ingest, cloud.function("process") as process, cloud.function("load") as load:
        for batch, name in ((1, "Oak"), (2, "Elm")):  # cold, then warm
            cloud.change(name)
            answer = ingest.ok({} if batch == 1 else {"source": "aws.scheduler", "detail-type": "Scheduled Event"})
            assert (answer["step"], answer["head"], answer["more"]) == ("ingest", batch, False)
            made = answer["batches"]
            assert [item["batch"] for item in made] == [batch] and answer["captured_at"] == made[0]["captured_at"]
            assert made[0]["rows"] == (48066 if batch == 1 else 1)
            answer = process.ok(queue_event(object_event("ingestion", batch)))
            assert (answer["head"], failures(answer), answer["batches"][0]["quarantined"]) == (batch, [], 0)
            answer = load.ok(queue_event(object_event("processed", batch)))
            assert (answer["head"], failures(answer)) == (batch, [])
            rows = cloud.project.warehouse("select design_name from dim_design where design_id = 1")
            assert rows == [(name,)]
        # Nothing changed: said, with the age of the newest batch.
        assert ingest.ok()["batches"] == []
        answer = load.ok()
        assert (answer["batches"], answer["head"]) == ([], 2)
        for function, rows in ((ingest, [48066, 1, 0]), (load, None)):
            metrics = function.log.metrics()
            assert [line["errors"] for line in metrics] == [0, 0, 0]
            assert [line["batches"] for line in metrics] == [1, 1, 0]
            assert all(line["environment"] == "test" and line["step"] == function.handler for line in metrics)
            assert all(0 < line["freshness_seconds"] < 300 for line in metrics), metrics
            assert rows is None or [line["rows"] for line in metrics] == rows
        assert not list(pathlib.Path(process.folder.name).glob("tote*"))
    left = [path for path in pathlib.Path("/tmp").glob("tote-*") if str(process.process.pid) in path.name]
    assert left == []


def test_doctor(cloud):
    with cloud.function("doctor") as doctor:
        answer = doctor.ok()
        assert answer["ok"] and {"source", "lake.ingestion", "models", "warehouse"} <= {
            check["what"] for check in answer["checks"]}
    with cloud.function("doctor", {"TOTE_SOURCE_URL": "postgresql://nobody:pass-word-1@127.0.0.1:1/x"}) as doctor:
        message = doctor.fails("UNAVAILABLE")
        assert "first 'source'" in message and "hint: " in message
        assert "pass-word-1" not in message + doctor.log.text()
    # The package of ingest looks at what ingest needs.
    with cloud.function("doctor", program=check_bootstrap("ingest")) as doctor:
        assert {check["what"] for check in doctor.ok()["checks"]} == {"config", "source", "lake.ingestion", "lake"}


def test_events_doubled_lost_and_out_of_order_do_no_harm(cloud):
    cloud.batches(4)
    with cloud.function("process") as process, cloud.function("load") as load:
        # The event of batch 3 comes first, twice; that of batch 1 late; that of batch 4 never.
        twice = queue_event(object_event("ingestion", 3), object_event("ingestion", 3))
        assert (failures(process.ok(twice)), process.ok(twice)["batches"]) == ([], [])
        answer = process.ok(queue_event(object_event("ingestion", 1)))
        assert (answer["head"], answer["batches"]) == (4, [])
        assert load.ok(object_event("processed", 2))["head"] == 4
        assert load.ok(object_event("processed", 2))["batches"] == []
        assert process.ok({"detail-type": "Scheduled Event", "source": "aws.events"})["head"] == 4
    assert [len(cloud.project.records(zone)) for zone in ("ingestion", "processed")] == [4, 4]
    assert cloud.project.warehouse("select max(batch), count(*) from tote.batch") == [(4, 4)] or \
        cloud.project.warehouse("select max(batch) from tote.batch") == [(4,)]


def test_poison_goes_back_alone_and_is_named(cloud):
    cloud.batches(1)
    good = object_event("ingestion", 1)
    with cloud.function("process") as process:
        answer = process.ok(queue_event(
            good, "hello", json.dumps(good)[:100], object_event("somebody-elses", 1),
            object_event("ingestion", 1, "sales_order/2024/11/15/x.json"), object_event("ingestion", 99), good))
        assert failures(answer) == ["m-1", "m-2", "m-3", "m-4", "m-5"]
        assert answer["head"] == 1
        said = [line["message"] for line in process.log.lines(level="error")]
        for index, text in enumerate(["'m-1': body: line 1", "'m-2': body: line 1", "bucket 'somebody-elses' is not ours",
                                      "'sales_order/2024/11/15/x.json'", "batch 99 was announced"]):
            assert text in said[index]
        assert process.log.metrics()[0]["errors"] == 5
        # Nothing but poison: the lake is not even looked at.
        assert failures(process.ok(queue_event("{}"))) == ["m-0"]
        # EventBridge by itself has no message to give back: the invocation fails.
        assert "'somebody-elses' is not ours" in process.fails("DATA", object_event("somebody-elses", 1))
        assert "batch 99" in process.fails("NOT_FOUND", object_event("ingestion", 99))
        assert "ends at 1" in process.fails("NOT_FOUND", object_event("ingestion", 99))


def test_unknown_events_are_refused(cloud):
    with cloud.function("ingest") as ingest:
        assert "takes no event of a queue" in ingest.fails("USAGE", queue_event("{}"))
        assert "'full'" in ingest.fails("USAGE", {"ful": True})
        assert "'aws.ec2'" in ingest.fails("USAGE", {"source": "aws.ec2", "detail-type": "x", "detail": {}})
        assert "line 1" in ingest.fails("DATA", b"{\"full\": tr")
        assert "line 1" in ingest.fails("DATA", b"[" * 100000)
        assert "nothing that can be asked" in ingest.fails("USAGE", {"x" * (256 << 10): 1})
        assert not (cloud.project.folder / "lake").exists()
        assert ingest.ok({"full": True})["head"] == 1
    with cloud.function("load") as load:
        assert "no choices" in load.fails("USAGE", {"full": True})


def test_every_log_line_says_whose_it_is(cloud):
    with cloud.function("ingest", {"TOTE_SOURCE_URL": "postgresql://nobody@127.0.0.1:1/x"}) as ingest:
        request_id = ingest.send({})
        assert ingest.receive()["errorType"] == "UNAVAILABLE"
        line, = ingest.log.lines(level="error")
        assert line["request_id"] == request_id and line["step"] == "ingest"
        assert line["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
        assert line["code"] == "UNAVAILABLE" and line["hint"]
        metrics, = ingest.log.metrics()
        assert metrics["errors"] == 1 and "freshness_seconds" not in metrics and metrics["request_id"] == request_id


def test_bad_configuration_is_an_init_error(tmp_path):
    # Each function is given what its step needs and no more: another bucket's name is none of ingest's business.
    with Function("ingest", {"TOTE_SOURCE_URL": "postgresql://x@127.0.0.1:1/x",
                             "TOTE_LAKE_INGESTION": str(tmp_path / "i")}) as function:
        assert "cannot connect" in function.fails("UNAVAILABLE")
    complete = {"TOTE_SOURCE_URL": "postgresql://x@127.0.0.1:1/x", "TOTE_LAKE_INGESTION": str(tmp_path / "i"),
                "TOTE_LAKE_PROCESSED": str(tmp_path / "p"), "TOTE_WAREHOUSE_URL": f"duckdb:{tmp_path}/w.duckdb"}
    for handler, env, says in (("ingset", {}, "'ingset' is none of this function's"),
                               ("ingest", {"TOTE_LAKE_INGESTION": ""}, "'lake.ingestion' is not set"),
                               ("process", {"TOTE_LAKE_PROCESSED": ""}, "'lake.processed' is not set"),
                               ("load", {"TOTE_WAREHOUSE_URL": ""}, "'warehouse.url' is not set"),
                               ("load", {"TOTE_SOURCE_CONNECTIONS": "99"}, "'TOTE_SOURCE_CONNECTIONS': '99' is not")):
        with Function(handler, complete | env, program=check_bootstrap("load")) as function:
            assert says in function.fails_to_start("CONFIG")
            assert function.log.lines(level="error", code="CONFIG")


def test_without_lambda_it_says_so(tmp_path):
    done = subprocess.run([check_bootstrap("ingest")], capture_output=True, text=True, cwd=tmp_path,
                          env={"PATH": os.environ["PATH"]})
    assert done.returncode == 3 and "not AWS Lambda" in done.stderr


def test_an_unreachable_database_is_named_before_time_is_up(cloud):
    with socket.socket() as hole:  # takes connections and never answers
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        port = hole.getsockname()[1]
        url = f"postgresql://reader:secret-42@127.0.0.1:{port}/shop"
        with cloud.function("ingest", {"TOTE_SOURCE_URL": url}) as ingest:
            answer = ingest.call(seconds=4)
            assert answer.failed and answer["errorType"] == "UNAVAILABLE" and answer.seconds < 4, answer
            assert f"the source at 127.0.0.1:{port}/shop: no answer in" in answer["errorMessage"]
            # Another time the limit is far, and the ordinary patience holds.
            assert "secret-42" not in ingest.log.text() + answer.text
        cloud.batches(1)
        cloud.project.ok("process")
        with cloud.function("load", {"TOTE_WAREHOUSE_URL": url}) as load:
            answer = load.call(queue_event(object_event("processed", 1)), seconds=4)
            assert answer.failed and answer.seconds < 4 and "the warehouse at" in answer["errorMessage"], answer


def test_a_network_that_dies_in_the_middle_is_told_in_time(postgres_cloud, server):
    """Neither the statement nor the request to stop it gets an answer; nothing of the batch is left, and the next does it."""
    cloud = postgres_cloud
    with Network(server.port) as network, psycopg.connect(cloud.project.source.conninfo) as holder:
        holder.execute("lock table staff in access exclusive mode")
        url = cloud.project.source.url.replace(f":{server.port}/", f":{network.port}/")
        with cloud.function("ingest", {"TOTE_SOURCE_URL": url}) as ingest:
            ingest.send({}, seconds=4)
            while not holder.execute("select 1 from pg_locks where not granted").fetchall():
                pass
            network.die()
            answer = ingest.receive()
            assert answer.failed and answer["errorType"] == "TIMEOUT" and answer.seconds < 4, answer
            assert "time limit" in answer["errorMessage"]
            # While it is dead: said as what it is.
            answer = ingest.call(seconds=4)
            assert answer.failed and answer["errorType"] == "UNAVAILABLE" and answer.seconds < 4, answer
            assert f":{network.port}/" in answer["errorMessage"]
        holder.rollback()
    cloud.project.ok("ingest")
    cloud.project.ok("process")
    with Network(server.port) as network:
        url = cloud.warehouse.url.replace(f":{server.port}/", f":{network.port}/")
        with cloud.function("load", {"TOTE_WAREHOUSE_URL": url}) as load:
            cloud.warehouse.execute("""
                create function stall() returns event_trigger language plpgsql as $$ begin perform pg_sleep(60); end $$;
                create event trigger stall on ddl_command_end execute function stall()""")
            load.send(queue_event(object_event("processed", 1)), seconds=4)
            stalled = f"from pg_stat_activity where datname = '{cloud.warehouse.name}' and wait_event = 'PgSleep'"
            while not cloud.warehouse.rows(f"select 1 {stalled}"):
                pass
            network.die()
            answer = load.receive()
            assert answer.failed and answer["errorType"] == "TIMEOUT" and answer.seconds < 4, answer
        cloud.warehouse.execute(f"select pg_terminate_backend(pid) {stalled}")  # a server notices in its own time
        cloud.warehouse.execute("drop event trigger stall")
    with cloud.function("load") as load:
        assert load.ok(queue_event(object_event("processed", 1)))["head"] == 1


def test_a_batch_that_takes_too_long_is_given_up_in_time(cloud):
    with psycopg.connect(cloud.project.source.conninfo) as holder, cloud.function("ingest") as ingest:
        holder.execute("lock table staff in access exclusive mode")
        answer = ingest.call(seconds=3)
        assert answer.failed and answer["errorType"] == "TIMEOUT" and answer.seconds < 3, answer
        assert "time limit" in answer["errorMessage"] and "memory" in answer["errorMessage"]
        holder.rollback()
        # The next invocation of the same environment is none the worse for it.
        assert ingest.ok()["head"] == 1


def test_when_time_is_up_what_is_done_stays_and_the_next_goes_on(postgres_cloud):
    cloud = postgres_cloud
    cloud.project.ok("run")
    cloud.warehouse.execute("""
        create function tote.stall() returns trigger language plpgsql as
        $$ begin if new.batch >= 3 then perform pg_sleep(60); end if; return new; end $$;
        create trigger stall before insert on tote.batch for each row execute function tote.stall()""")
    cloud.batches(2)
    cloud.project.ok("process")
    event = queue_event(object_event("processed", 3), object_event("processed", 2), object_event("processed", 1))
    with cloud.function("load") as load:
        answer = load.ok(event, seconds=10)
        assert answer.seconds < 10
        assert (answer["more"], answer["head"], failures(answer)) == (True, 2, ["m-0"])
        assert load.log.lines(level="warning")[0]["message"].startswith("out of time after batch 2")
        cloud.warehouse.execute("drop trigger stall on tote.batch")
        answer = load.ok(queue_event(object_event("processed", 3)))
        assert (answer["more"], answer["head"], failures(answer)) == (False, 3, [])
    assert cloud.warehouse.rows("select batch from tote.batch order by 1") == [(1,), (2,), (3,)]


def test_a_failed_step_gives_back_what_it_did_not_do(cloud):
    cloud.batches(1)
    cloud.project.ok("process")
    record, = (cloud.project.folder / "lake" / "ingestion" / "_batches").glob("*.json")
    cloud.batches(1)
    newest = min((cloud.project.folder / "lake" / "ingestion" / "_batches").glob("*.json"))
    assert newest != record
    kept = newest.read_text()
    newest.write_text(kept.replace("{", "[", 1))
    with cloud.function("process") as process:
        answer = process.ok(queue_event(object_event("ingestion", 1), object_event("ingestion", 2)))
        assert (failures(answer), answer["head"]) == (["m-1"], 1)
        assert process.log.metrics()[0]["errors"] == 1
        assert process.log.metrics()[0]["freshness_seconds"] > 0
        # Nothing done at all: an error, so that AWS counts and alarms.
        assert "record" in process.fails("DATA", queue_event(object_event("ingestion", 2)))
        newest.write_text(kept)
        assert failures(process.ok(queue_event(object_event("ingestion", 2)))) == []


def test_two_functions_at_once_do_each_batch_once(cloud):
    cloud.batches(3)
    with cloud.function("process") as one, cloud.function("process") as other:
        event = queue_event(object_event("ingestion", 3))
        one.send(event)
        other.send(event)
        assert [failures(one.receive()), failures(other.receive())] == [[], []]
    assert len(cloud.project.records("processed")) == 3


def test_on_buckets(cloud):
    with S3Server() as s3:
        buckets = {zone: s3.make_bucket(f"shop-{zone}") for zone in ("ingestion", "processed")}
        cloud.env |= s3.environment | {
            "AWS_ENDPOINT_URL_S3": s3.url, "TOTE_LAKE_INGESTION": f"s3://{buckets['ingestion']}/prod",
            "TOTE_LAKE_PROCESSED": f"s3://{buckets['processed']}"}
        key = "prod/_batches/9999999998.0000000001.json"
        with cloud.function("ingest") as ingest, cloud.function("process") as process, cloud.function("load") as load:
            assert ingest.ok()["head"] == 1
            answer = process.ok(queue_event(object_event("shop-ingestion", 1, key), object_event("shop-processed", 1)))
            assert (answer["head"], failures(answer)) == (1, ["m-1"])
            assert load.ok(queue_event(object_event("shop-processed", 1)))["batches"][0]["rows"] > 48000
            cloud.change("Oak")  # warm: over connections that are open
            assert [function.ok()["head"] for function in (ingest, process, load)] == [2, 2, 2]
            assert key in s3.objects("shop-ingestion")
        with cloud.function("process", {"TOTE_LAKE_INGESTION": "s3://shop-nowhere"}) as process:
            assert "shop-nowhere" in process.call().text
    assert cloud.project.warehouse("select design_name from dim_design where design_id = 1") == [("Oak",)]


def test_a_missing_secret_is_named_and_its_coming_is_noticed(cloud):
    with MotoServer() as moto:
        secrets = moto.client("secretsmanager")
        env = moto.environment | {"AWS_ENDPOINT_URL": moto.url, "TOTE_SOURCE_URL": "secret:tote/source"}
        with cloud.function("ingest", env) as ingest:
            message = ingest.fails("NOT_FOUND")
            assert "'source.url': secretsmanager:GetSecretValue on 'tote/source'" in message, message
            secrets.create_secret(Name="tote/source", SecretString="no address of a database, pass-word-2")
            assert "pass-word-2" not in ingest.fails("CONFIG") + ingest.log.text()
            secrets.put_secret_value(SecretId="tote/source", SecretString=cloud.project.source.url)
            assert ingest.ok()["head"] == 1


def test_publish_makes_the_page_that_the_warehouse_has(cloud):
    """On call or by a schedule; what it makes is whole, and a second call has nothing to do."""
    site = cloud.project.folder / "site"
    page = {"TOTE_PUBLISH_TO": str(site), "TOTE_PUBLISH_FILTERS": "currency"}
    with cloud.function("publish", page) as publish:
        assert "nothing to publish" in publish.fails("UNAVAILABLE") or "tote load" in publish.fails("UNAVAILABLE")
        assert not (site / "latest.json").exists()
        cloud.project.ok("run")
        answer = publish.ok()
        assert (answer["step"], answer["head"], answer["up_to_date"]) == ("publish", 1, False)
        there = [path for path in site.rglob("*") if path.is_file()]
        assert answer["written"] == len(there) and answer["bytes"] == sum(path.stat().st_size for path in there)
        shown = json.loads((site / "latest.json").read_text())
        assert shown["batch"] == 1
        assert all((site / name).is_file() for name in [*shown["documents"].values(), *shown["bundles"].values()])
        answer = publish.ok({"source": "aws.scheduler", "detail-type": "Scheduled Event"})
        assert (answer["head"], answer["up_to_date"], answer["written"]) == (1, True, 0)
        assert "no choices" in publish.fails("USAGE", {"full": True})
        assert publish.log.metrics()[-1]["errors"] == 1 and "duration_ms" in publish.log.metrics()[0]
    with Function("publish", cloud.env, program=check_bootstrap("publish")) as publish:
        assert "'publish.to' is not set" in publish.fails_to_start("CONFIG")


# --- AWS's own emulator ---


@pytest.fixture(params=["check", "release"])
def bootstrap(request, tmp_path):
    """handler -> program: of the test tree, and what `make lambda` ships."""
    def find(handler):
        if request.param == "check":
            return check_bootstrap(handler)
        program = release_bootstrap(handler, tmp_path / handler)
        if not program:
            pytest.skip("NOT TESTED: the packages for AWS Lambda; build them with `make lambda`")
        return program

    find.shipped = request.param == "release"
    return find


def read_only():
    """A wrapper for a command that must do with a file system where only /tmp can be written."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("NOT TESTED: a read-only file system can only be made by root; run the tests as root once")
    return ["unshare", "-m", "sh", "-c",
            'mount --bind /tmp /tmp && mount -o remount,bind,ro / && ! touch /usr/x 2>/dev/null && exec "$@"', "sh"]


def limited(megabytes):
    """What the data of a process may take, as cgroups would count it."""
    return ["prlimit", f"--data={megabytes << 20}", "--"]


def test_emulator_runs_the_pipeline(cloud, bootstrap):
    env = cloud.env | ({"TOTE_MODELS": str(bootstrap("process").parent / "models")} if bootstrap.shipped else {})
    # The sanitizers' memory is none of the program's.
    memory = {"ingest": 128, "process": 512, "load": 512} if bootstrap.shipped else {}
    for handler, event in (("ingest", {}), ("process", queue_event(object_event("ingestion", 1))),
                           ("load", queue_event(object_event("processed", 1)))):
        wrap = read_only() + (limited(memory[handler]) if memory else [])
        with Emulator(handler, env, bootstrap(handler), memory=memory.get(handler, 1024), wrap=wrap) as function:
            answer = function.call(event)
            assert answer.json.get("head") == 1, f"{answer}\n{function.log.text()}"
            assert function.call(event)["batches"] == []
            assert function.log.metrics()[0]["batches"] == 1
    page = env | {"TOTE_PUBLISH_TO": str(cloud.project.folder / "site"), "TOTE_PUBLISH_FILTERS": "currency"}
    wrap = read_only() + (limited(512) if memory else [])
    with Emulator("publish", page, bootstrap("publish"), memory=512 if memory else 1024, wrap=wrap) as function:
        answer = function.call()
        assert answer.json.get("head") == 1 and answer["written"] > 10, f"{answer}\n{function.log.text()}"
        assert function.call()["up_to_date"]
    assert cloud.project.warehouse("select count(*) from dim_design") == [(473,)]


def test_emulator_sees_errors_and_crashes(cloud, bootstrap):
    env = cloud.env | {"TOTE_SOURCE_URL": "postgresql://nobody@127.0.0.1:1/x"}
    with Emulator("ingest", env, bootstrap("ingest")) as function:
        assert function.call()["errorType"] == "UNAVAILABLE"
        assert function.call({"ful": 1})["errorType"] == "USAGE"
    with Emulator("ingest", env | {"TOTE_LAKE_INGESTION": ""}, bootstrap("ingest")) as function:
        assert "lake.ingestion" in function.call().text
    if not bootstrap.shipped:  # a fault is injected, which what is shipped cannot do
        with Emulator("ingest", cloud.env | {"TOTE_FAULT": "store:kill:3"}, bootstrap("ingest")) as function:
            assert "Runtime.ExitError" in function.call().text or "exited" in function.log.text()
        with Emulator("ingest", cloud.env, bootstrap("ingest")) as function:
            assert function.call()["head"] == 1


def test_emulator_never_has_to_kill(cloud, bootstrap):
    cloud.project.ok("ingest")
    with psycopg.connect(cloud.project.source.conninfo) as holder, \
            Emulator("ingest", cloud.env, bootstrap("ingest"), seconds=5) as function:
        holder.execute("lock table staff in access exclusive mode")
        answer = function.call()
        assert answer["errorType"] == "TIMEOUT" and answer.seconds < 5, answer
        holder.rollback()
        assert function.call()["head"] == 1


def test_containerfile_is_lint_free():
    hadolint = ROOT / ".cache" / "checkers" / "bin" / "hadolint"
    if not hadolint.exists():
        pytest.skip("NOT TESTED: Containerfile; install its checker with `tools/setup.sh cloud-lint`")
    done = subprocess.run([hadolint, ROOT / "Containerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
