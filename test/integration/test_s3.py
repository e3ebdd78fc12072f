"""The whole way with both stores in buckets: what a directory holds, a bucket must hold. If these fail, what is tested on a
laptop is not what runs on AWS.

VersityGW keeps objects as files, so that the checks of lake and warehouse are those of every other test.
"""
import json
import random
import signal

import pytest

import shop
from lib.servers import VERSITYGW, FaultServer, MotoServer, S3Server
from lib.tote import Tote

CONFLICT = 5
FAILED = 14
SECRET_NAME = "tote/source"


@pytest.fixture(scope="class")
def s3():
    if not VERSITYGW.exists():
        pytest.skip(f"NOT TESTED: {VERSITYGW} is missing, tools/setup.sh says why")
    with S3Server() as server:
        server.numbers = iter(range(10 ** 6))
        yield server


@pytest.fixture(scope="class")
def moto():
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="class")
def faults():
    with FaultServer() as server:
        yield server


def in_buckets(s3, tote, source, endpoint=None):
    """The shop with new buckets for its lake, which the checks find in lake/."""
    number = next(s3.numbers)
    lake = tote.folder / "lake"
    lake.mkdir(parents=True)
    for zone, prefix in (("ingestion", ""), ("processed", "/deep/down")):
        bucket = s3.make_bucket(f"{zone}-{number}")
        (lake / zone).symlink_to(s3.data / f"{bucket}{prefix}")
        tote.env[f"TOTE_LAKE_{zone.upper()}"] = f"s3://{bucket}{prefix}"
    tote.env |= s3.environment | {"TOTE_LAKE_ENDPOINT": endpoint or s3.url}
    return shop.set_up(tote, source.url)


@pytest.fixture
def place(s3, database, tote):
    shop.fill(database)
    in_buckets(s3, tote, database)
    tote.source = database
    return tote


def check(tote):
    shop.check_now(tote, tote.source, shop.DuckWarehouse(tote))


class TestOnARealServer:
    def test_a_bucket_holds_what_a_directory_holds(self, place, tmp_path):
        beside = shop.set_up(Tote(tmp_path / "beside"), place.source.url)
        for change in (None, f"{shop.CHANGES}; {shop.LOG_CHANGES}"):
            if change:
                place.source.execute(change)
            for tote in (place, beside):
                tote.ok("run")
        place.source.execute("insert into orders values (50, 777, 1, 1, 1, '2024-05-01', null)")
        for tote in (place, beside):
            assert "1 quarantined" in tote.ok("run").stdout
        place.source.execute("insert into customer values (777, 'late', null)")
        for tote in (place, beside):
            tote.ok("run")
            assert "1 row of fact_order gets another try" in tote.ok("replay").stdout
        check(place)
        assert shop.lake_state(place) == shop.lake_state(beside)
        assert shop.warehouse_state(place, shop.DuckWarehouse(place)) == \
            shop.warehouse_state(beside, shop.DuckWarehouse(beside))
        status = place.ok("status", "--json").json
        assert status["schema"] == 1
        place.ok("doctor")

    def test_real_data_by_way_of_multipart_uploads(self, s3, server, tote, totesys):
        """ToteSys, with objects large enough to be sent in parts."""
        in_buckets(s3, tote, totesys)
        (tote.folder / "tote.yaml").unlink()
        totesys.execute("create table wide as select i as id, md5(i::text) || repeat(md5(random()::text), 300) as filler"
                        " from generate_series(1, 2500) i; alter table wide add primary key (id)")
        tote.configure(totesys.url)
        tote.ok("run", env={"TOTE_LAKE_COMPRESS_ABOVE": "1GiB"})
        assert tote.warehouse("select count(*) from dim_transaction") == [(totesys.value("select count(*) from transaction"),)]
        (record,) = tote.records()
        (wide,) = [table for table in record["tables"] if table["name"] == "wide"]
        objects = wide["objects"]
        assert max(described["bytes"] for described in objects) > 16 << 20
        for described in objects:
            assert (tote.folder / "lake/ingestion" / described["key"]).stat().st_size == described["bytes"]
        leftovers = [path for path in s3.data.glob("ingestion-*/.sgwtmp/multipart/*/*") if path.is_dir() and any(path.iterdir())]
        assert not leftovers, "no upload is left unfinished"

    def test_what_killed_runs_left_is_swept_many_at_a_time(self, place):
        place.ok("run")
        kept = set(place.lake())
        for number in range(1100):
            place.write(f"lake/ingestion/_index/orders/0000000001-{number:06x}-0.index", "left")
        assert "1,100 objects, 4,400 bytes removed" in place.ok("sweep", "--grace", "0s").stdout
        assert {path for path in place.lake() if "/.sgwtmp/" not in path} == kept
        check(place)

    def test_two_runners_at_once_make_each_batch_once(self, place):
        for round_ in range(3):
            place.source.execute(f"insert into orders values ({100 + round_}, 1, 1, 1, 1, '2024-05-01', null)")
            running = [place.start("ingest"), place.start("ingest")]
            results = [run.wait() for run in running]
            assert {result.status for result in results} <= {0, CONFLICT}, results
            assert 0 in {result.status for result in results}, results
        place.ok("run")
        check(place)
        assert [record["batch"] for record in place.records()] == [1, 2, 3]

    @pytest.mark.parametrize("action", ["fail", "kill", "kill-after"])
    def test_a_run_that_dies_at_the_bucket_is_made_good_by_the_next(self, s3, server, tmp_path, action):
        chance = random.Random(action)
        source = server.create()
        shop.fill(source)
        counted = in_buckets(s3, Tote(tmp_path / "counted"), source)
        counted.ok("run", env={"TOTE_FAULT_COUNT": str(tmp_path / "counts")})
        operations = dict(line.split() for line in (tmp_path / "counts").read_text().splitlines())
        for number in sorted(chance.sample(range(1, int(operations["store"]) + 1), 4)):
            tote = in_buckets(s3, Tote(tmp_path / f"{action}-{number}"), source)
            result = tote.start("run", env={"TOTE_FAULT": f"store:{action}:{number}"}, doomed=True).wait()
            assert result.status in (0, FAILED, -signal.SIGKILL), result
            tote.ok("run")
            shop.check_now(tote, source, shop.DuckWarehouse(tote))
        source.drop()


class TestOnABadNetwork:
    """Answers that are lost and connections that break: the batch is there once all the same."""

    RULES = [
        {"match": "PUT ", "skip": 2, "times": 3, "do": "lost"},
        {"match": "_batches/", "times": 4, "do": "lost"},
        {"match": "_delta_log/", "times": 6, "do": "lost"},
        {"match": "GET ", "skip": 1, "times": 4, "do": "cut"},
        {"match": "", "skip": 5, "times": 5, "do": "reset"},
        {"match": "", "skip": 3, "times": 6, "do": "answer", "status": 503,
         "body": "<Error><Code>SlowDown</Code></Error>"},
    ]

    def test_each_batch_is_there_once(self, s3, faults, database, tmp_path):
        shop.fill(database)
        for number, rule in enumerate(self.RULES):
            tote = in_buckets(s3, Tote(tmp_path / str(number)), database, endpoint=faults.url)
            faults.script(dict(rule), upstream=s3.url)
            tote.ok("run")
            met = [line for line in faults.log() if line.split()[-1] in ("lost", "cut", "reset", "503")]
            assert len(met) == rule["times"], faults.log()
            shop.check_now(tote, database, shop.DuckWarehouse(tote))
            assert [record["batch"] for record in tote.records()] == [1]

    def test_a_bucket_that_cannot_be_reached_is_told_of_within_the_time(self, s3, faults, database, tote):
        shop.fill(database)
        in_buckets(s3, tote, database, endpoint=faults.url)
        faults.script({"match": "", "times": -1, "do": "answer", "status": 503,
                       "body": "<Error><Code>SlowDown</Code></Error>"}, upstream=s3.url)
        result = tote.fails(7, "ingest", env={"TOTE_LAKE_RETRY_FOR": "2s"}, timeout=60)
        assert "attempts in" in result.stderr and "503 SlowDown" in result.stderr, result
        assert "s3:ListBucket on arn:aws:s3:::ingestion-" in result.stderr, result


class TestWithPermissions:
    """moto with signatures checked and policies enforced."""

    @staticmethod
    def project(moto, tote, source, name):
        client = moto.client("s3")
        for zone in ("ingestion", "processed"):
            client.create_bucket(Bucket=f"{name}-{zone}", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
            tote.env[f"TOTE_LAKE_{zone.upper()}"] = f"s3://{name}-{zone}"
        tote.env |= moto.environment | {"AWS_ENDPOINT_URL": moto.url}
        shop.fill(source)
        return shop.set_up(tote, source.url)

    def test_the_whole_way_with_the_address_of_the_source_in_a_secret(self, moto, database, tote):
        self.project(moto, tote, database, "whole")
        address = database.url.replace("postgres@", "postgres:hidden-pass-word@")
        moto.client("secretsmanager").create_secret(Name=SECRET_NAME, SecretString=address)
        tote.env["TOTE_SOURCE_URL"] = f"secret:{SECRET_NAME}"
        said = ""
        for command in (["run"], ["status", "--json"], ["config"], ["doctor"]):
            result = tote.ok(*command)
            said += result.stdout + result.stderr
        assert "hidden-pass-word" not in said
        for secret in (moto.environment["AWS_SECRET_ACCESS_KEY"], address):
            assert secret not in said
        assert tote.warehouse("select count(*) from fact_order") == [(6,)]
        client = moto.client("s3")
        for zone in ("ingestion", "processed"):
            listed = client.list_objects_v2(Bucket=f"whole-{zone}", Prefix="_batches/")["Contents"]
            for entry in listed:
                body = client.get_object(Bucket=f"whole-{zone}", Key=entry["Key"])["Body"].read().decode()
                assert "hidden-pass-word" not in body
        result = tote.fails(4, "ingest", env={"TOTE_SOURCE_URL": "secret:tote/none"})
        assert "'source.url': secretsmanager:GetSecretValue on 'tote/none'" in result.stderr, result

    @pytest.mark.parametrize("missing, command, told", [
        ("s3:PutObject", "ingest", "s3:PutObject on arn:aws:s3:::denied-ingestion/"),
        ("s3:ListBucket", "ingest", "s3:ListBucket on arn:aws:s3:::denied-ingestion"),
        ("s3:GetObject", "process", "s3:GetObject on arn:aws:s3:::denied-ingestion/_batches/"),
    ])
    def test_a_missing_permission_is_named(self, moto, database, tote, missing, command, told):
        iam = moto.client("iam")
        name = missing.replace(":", "-")
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        actions = {"s3:PutObject", "s3:ListBucket", "s3:GetObject", "s3:ListAllMyBuckets"} - {missing}
        iam.put_user_policy(UserName=name, PolicyName="some", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}]}))
        try:
            self.project(moto, tote, database, "denied")
        except moto.client("s3").exceptions.BucketAlreadyOwnedByYou:
            tote.env |= {f"TOTE_LAKE_{zone.upper()}": f"s3://denied-{zone}" for zone in ("ingestion", "processed")}
            tote.env |= moto.environment | {"AWS_ENDPOINT_URL": moto.url}
            shop.fill(database)
            shop.set_up(tote, database.url)
        if command == "process":
            tote.run("ingest")
        result = tote.fails(6, command, env={"AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                                             "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]})
        assert told in result.stderr, result
        assert f"grant {missing} on arn:aws:s3:::denied-ingestion" in result.stderr, result

    def test_what_is_wrong_with_a_bucket_or_a_key_is_told(self, moto, database, tote):
        self.project(moto, tote, database, "wrong")
        result = tote.fails(3, "ingest", env={"TOTE_LAKE_INGESTION": "s3://not-there-at-all"})
        assert "NoSuchBucket" in result.stderr and "hint: make the bucket" in result.stderr, result
        result = tote.fails(6, "ingest", env={"AWS_SECRET_ACCESS_KEY": "not-the-right-one"})
        assert "SignatureDoesNotMatch" in result.stderr and "not-the-right-one" not in result.stderr, result
        result = tote.fails(3, "ingest", env={"TOTE_LAKE_INGESTION": "s3://Bad_Name/x"})
        assert "cannot be the name of a bucket" in result.stderr, result
        result = tote.fails(3, "ingest", env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
                                              "HOME": str(tote.folder)})
        assert "no credentials for AWS" in result.stderr, result
