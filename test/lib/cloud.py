"""Cloud in a box: MiniStack as the AWS, two PostgreSQL servers, and the project's own Terraform applied to it."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import psycopg

from lib.terraform import REGION, ROOT, Terraform, free_port, settings, wait_for

OPERATOR = "operator@example.com"

# MiniStack knows no saved log queries; everything else is what a user would apply, but quicker.
SETTINGS = {
    "environment": "box", "architecture": "x86_64", "alarm_emails": [OPERATOR], "schedule": "rate(1 minute)",
    "full_compare_schedule": "", "log_queries": False, "force_destroy": True, "secret_recovery_days": 0,
    "key_deletion_days": 7,
    "sizes": {"ingest": {"memory": 512, "timeout": 30}, "process": {"memory": 1024, "timeout": 20},
              "load": {"memory": 512, "timeout": 40}, "publish": {"memory": 512, "timeout": 30},
              "doctor": {"memory": 512, "timeout": 30}},
}


class Server:
    """A PostgreSQL server with one database (tools/postgres.sh)."""

    def __init__(self, link, database):
        self.link = link
        self.database = database

    def tool(self, command):
        return subprocess.run([ROOT / "tools/postgres.sh", command, self.link], check=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.strip()

    def start(self):
        self.tool("start")
        with psycopg.connect(f"{self.tool('url')} dbname=postgres", autocommit=True) as connection:
            connection.execute(f"create database {self.database}")

    @property
    def conninfo(self):
        return f"{self.tool('url')} dbname={self.database}"

    def url(self, role, password=None):
        return f"postgresql://{role}{':' + password if password else ''}@127.0.0.1:{(self.link / 'port').read_text().strip()}/{self.database}"

    def execute(self, sql):
        """The first value of the last statement, or None."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def grant(self, script, role, **variables):
        """Makes a role as the documentation says, and gives it a password that it must know."""
        settings = [f"-v{name}={value}" for name, value in {"role": role, **variables}.items()]
        subprocess.run(["psql", "-X", "-q", *settings, "-f", ROOT / "sql/grants" / script, self.conninfo], check=True,
                       stdin=subprocess.DEVNULL, timeout=60)
        self.execute(f"alter role {role} password '{self.password(role)}'; grant asks_password to {role}")
        return self.url(role, self.password(role))

    @staticmethod
    def password(role):
        return f"of-{role}"


class Box:
    """Everything in one folder. Start, apply, fill the secrets; stop."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.source_server = Server(self.folder / "source", "totesys")
        self.warehouse_server = Server(self.folder / "warehouse", "warehouse")
        self.port_file = self.folder / "port"
        self.models = self.folder / "models"
        self.terraform = None
        self.process = None
        self.seen = []
        self.errors_reported = {}

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port_file.read_text()}"

    def shell(self):
        """The variables of a shell in terraform/ in which the commands of docs/runbook.md can be typed."""
        path = f"{ROOT}/.cache/awscli:{(ROOT / os.environ.get('BUILD', 'build')).resolve()}:{os.environ['PATH']}"
        return settings(self.endpoint) | {"DEPLOYMENT": "tote-box", "VARIABLES": "", "PATH": path,
                                          "OWNER_URL": self.warehouse_server.url("postgres")}

    def client(self, service):
        import boto3

        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test")

    # --- life ---

    def start(self):
        self.source_server.start()
        self.warehouse_server.start()
        subprocess.run([ROOT / "demo/totesys/load.sh", self.source_server.conninfo], check=True, timeout=120,
                       stdout=subprocess.DEVNULL)
        self.source_url = self.source_server.grant("source_reader.sql", "tote_source")
        self.warehouse_url = self.warehouse_server.grant("warehouse_loader.sql", "tote_loader")
        self.port_file.write_text(str(free_port()))
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TOTE_", "PG"))}
        variables |= {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": self.port_file.read_text(), "LAMBDA_EXECUTOR": "local",
                      "MINISTACK_HOST": "127.0.0.1", "MINISTACK_REGION": REGION,
                      "TMPDIR": str(self.folder / "tmp")}
        (self.folder / "tmp").mkdir()
        shutil.copytree(ROOT / "models", self.models)
        (self.folder / "sql").symlink_to(ROOT / "sql")
        with (self.folder / "ministack.log").open("w") as log:
            self.process = subprocess.Popen([ROOT / ".cache/ministack/bin/ministack"], cwd=self.folder, env=variables,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            start_new_session=True)
        (self.folder / "pid").write_text(str(self.process.pid))
        wait_for(self.endpoint, self.process)

    def apply(self, **variables):
        if self.terraform is None:
            self.terraform = Terraform(self.folder, endpoint=self.endpoint)
            self.terraform.init()
        self.terraform.variables(**{**SETTINGS, "zip_directory": str(ROOT / os.environ.get("BUILD", "build") / "lambda"),
                                    # unlike AWS, MiniStack does not unpack a function at /var/task
                                    "function_environment": {"AWS_ENDPOINT_URL": self.endpoint,
                                                             "TOTE_MODELS": str(self.models)}, **variables})
        self.terraform.apply()
        self.outputs = self.terraform.outputs()
        self.mailbox = self.client("sqs").create_queue(QueueName="operators-mailbox")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:000000000000:operators-mailbox"
        self.client("sns").subscribe(TopicArn=self.outputs["alarms"]["topic"], Protocol="sqs", Endpoint=arn)

    def fill_secrets(self):
        self.set_secret("source", self.source_url)
        self.set_secret("warehouse", self.warehouse_url)

    def set_secret(self, which, value):
        self.client("secretsmanager").put_secret_value(SecretId=self.outputs["secrets"][which], SecretString=value)

    def stop(self):
        """Also when another process started it."""
        if (self.folder / "pid").exists():
            pid = int((self.folder / "pid").read_text())
            for signal in (15, 9):
                if not self.runs(pid):
                    break
                os.killpg(pid, signal)
                for _ in range(100):
                    if self.process:
                        self.process.poll()
                    if not self.runs(pid):
                        break
                    time.sleep(0.1)
            if self.process:
                self.process.wait(10)
            (self.folder / "pid").unlink()
        for server in (self.source_server, self.warehouse_server):
            if server.link.is_symlink():
                server.tool("stop")

    def runs(self, pid):
        """The process is there, and it is ours: numbers are used again."""
        try:
            return str(ROOT / ".cache/ministack").encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    # --- what one can see ---

    def source(self, sql):
        return self.source_server.execute(sql)

    def warehouse(self, sql):
        return self.warehouse_server.execute(sql)

    def batches(self):
        """Number of the newest batch in the warehouse."""
        if not self.warehouse("select to_regclass('tote.batch') is not null"):
            return 0
        return self.warehouse("select coalesce(max(batch), 0) from tote.batch")

    def depth(self, step, dead=False):
        """Messages in a step's queue, waiting or in work; or in its dead-letter queue."""
        sqs = self.client("sqs")
        name = self.outputs["queues"][step]["dead_name" if dead else "name"]
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
                 "ApproximateNumberOfMessagesDelayed"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes.get(name, 0)) for name in names)

    def alarmed(self, alarm):
        """What the operator was told: the text of the notification, or None."""
        if alarm.endswith("-dead-letters"):
            self.report_depth(alarm.removeprefix("tote-box-").removesuffix("-dead-letters"))
        elif alarm.endswith("-errors"):
            self.report_errors(alarm.removeprefix("tote-box-").removesuffix("-errors"))
        # AWS looks at alarms every minute, MiniStack only when somebody puts a metric
        self.client("cloudwatch").put_metric_data(Namespace="box", MetricData=[{"MetricName": "tick", "Value": 1}])
        sqs = self.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.mailbox, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.seen.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=self.mailbox, ReceiptHandle=message["ReceiptHandle"])
        told = [text for text in self.seen if text["AlarmName"] == alarm and text["NewStateValue"] == "ALARM"]
        return told[-1] if told else None

    def mailed(self):
        """Number of e-mails that the AWS in the box sent."""
        return (self.folder / "ministack.log").read_text().count(f"email {OPERATOR}")

    def report_depth(self, step):
        """SQS tells CloudWatch how full its queues are; the one in the box does not."""
        self.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[{
            "MetricName": "ApproximateNumberOfMessagesVisible", "Value": self.depth(step, dead=True),
            "Dimensions": [{"Name": "QueueName", "Value": self.outputs["queues"][step]["dead_name"]}]}])

    def report_errors(self, step):
        """Lambda tells CloudWatch of every failed call; the one in the box only of those that were called directly.
        A failed call writes one line of that level."""
        found = self.log(step).count('"level":"error"')
        self.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=[{
            "MetricName": "Errors", "Value": found - self.errors_reported.get(step, 0),
            "Dimensions": [{"Name": "FunctionName", "Value": self.outputs["functions"][step]["name"]}]}])
        self.errors_reported[step] = found

    def log(self, step):
        """Everything that a function wrote to its log."""
        logs = self.client("logs")
        group = self.outputs["functions"][step]["log_group"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return "\n".join(event["message"].rstrip() for page in pages for event in page["events"])

    def invoke(self, step, payload=None):
        """Calls a function and waits: (error or None, answer)."""
        answer = self.client("lambda").invoke(FunctionName=self.outputs["functions"][step]["name"],
                                              Payload=json.dumps(payload or {}).encode())
        return answer.get("FunctionError"), json.loads(answer["Payload"].read() or b"null")

    # --- what can happen to it ---

    def break_source(self):
        self.source("checkpoint")  # this server does not wait for its disk: a crash would lose what was committed just now
        self.source_server.tool("kill")

    def mend_source(self):
        self.source_server.tool("restart")

    def change_password(self):
        """The warehouse's loader gets another password, which nobody tells load."""
        self.warehouse("alter role tote_loader password 'another'")
        self.warehouse("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tote_loader'")

    def rotate_secret(self):
        self.set_secret("warehouse", self.warehouse_server.grant("warehouse_loader.sql", "tote_loader"))

    def send(self, step, body, delay=0):
        self.client("sqs").send_message(QueueUrl=self.outputs["queues"][step]["url"], DelaySeconds=delay,
                                        MessageBody=body if isinstance(body, str) else json.dumps(body))

    def record_event(self, zone, key):
        """What S3 tells EventBridge about a new object."""
        return {"version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": "Object Created",
                "source": "aws.s3", "account": "000000000000", "time": "2026-01-01T00:00:00Z", "region": REGION,
                "resources": [f"arn:aws:s3:::{self.outputs['buckets'][zone]}"],
                "detail": {"version": "0", "bucket": {"name": self.outputs["buckets"][zone]},
                           "object": {"key": key, "size": 1}, "reason": "PutObject"}}

    def records(self, zone):
        """Keys of the batch records, oldest first."""
        objects = self.client("s3").list_objects_v2(Bucket=self.outputs["buckets"][zone], Prefix="_batches/")
        return sorted((found["Key"] for found in objects.get("Contents", [])), reverse=True)

    def redrive(self, step):
        """Puts the dead messages back into their queue: what StartMessageMoveTask does, which MiniStack does not know."""
        sqs = self.client("sqs")
        dead = sqs.get_queue_url(QueueName=self.outputs["queues"][step]["dead_name"])["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.send(step, message["Body"])
                sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])

    def until(self, what, seconds, question):
        """Asks until the answer is true; returns (answer, seconds that it took)."""
        started = time.monotonic()
        while not (answer := question()):
            assert time.monotonic() - started < seconds, f"waited {seconds} s in vain: {what}"
            time.sleep(1)
        return answer, time.monotonic() - started
