"""Runs a bootstrap as AWS Lambda would: `Function` on a runtime API of our own, which can end it properly (coverage) and
say what it likes; `Emulator` on AWS's runtime interface emulator."""
import http.server
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
import zipfile

from lib.tote import ROOT, SANITIZER_MARKS

BUILD = ROOT / os.environ.get("BUILD", "build")
EMULATOR = ROOT / ".cache" / "rie" / "aws-lambda-rie"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
MACHINE = {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def check_bootstrap(handler):
    """Of the test tree: with sanitizers, coverage and faults."""
    return BUILD / "check" / ("bootstrap_ingest" if handler == "ingest" else "bootstrap")


def release_bootstrap(handler, folder):
    """What is shipped, unpacked; None when `make lambda` has not been run."""
    package = BUILD / "lambda" / f"{'ingest' if handler == 'ingest' else 'tote'}-{MACHINE}.zip"
    if not package.exists():
        return None
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    program = pathlib.Path(folder) / "bootstrap"
    program.chmod(0o755)
    return program


def object_event(bucket, batch, key=None):
    """As S3 tells EventBridge that a record was put."""
    key = key or f"_batches/{9999999999 - batch:010}.{batch:010}.json"
    return {"version": "0", "id": str(uuid.uuid4()), "detail-type": "Object Created", "source": "aws.s3",
            "account": "111122223333", "time": "2024-11-15T14:40:00Z", "region": "eu-west-2",
            "resources": [f"arn:aws:s3:::{bucket}"],
            "detail": {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 5, "etag": "e"},
                       "request-id": "r", "requester": "111122223333", "reason": "PutObject"}}


def queue_event(*bodies):
    """As SQS hands messages over; each body is an event, or text."""
    return {"Records": [{"messageId": f"m-{i}", "receiptHandle": "h", "attributes": {}, "messageAttributes": {},
                         "body": body if isinstance(body, str) else json.dumps(body), "eventSource": "aws:sqs",
                         "eventSourceARN": "arn:aws:sqs:eu-west-2:111122223333:process", "awsRegion": "eu-west-2"}
                        for i, body in enumerate(bodies)]}


def environment(handler, env, memory):
    variables = {name: value for name, value in os.environ.items()
                 if not name.startswith(("TOTE_", "PG", "AWS_"))}
    return variables | {"LC_ALL": "C.UTF-8", "_HANDLER": handler, "AWS_LAMBDA_FUNCTION_NAME": handler,
                        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory), "TOTE_METRICS_EMF": "yes"} | env


class Answer:
    def __init__(self, body, seconds, failed=False, headers=None):
        self.text = body
        self.seconds = seconds
        self.failed = failed
        self.headers = headers or {}

    @property
    def json(self):
        return json.loads(self.text)

    def __getitem__(self, name):
        return self.json[name]

    def __repr__(self):
        return f"{'error' if self.failed else 'answer'} after {self.seconds:.2f} s: {self.text}"


class Log:
    """What the function wrote: log lines and metrics are JSON, one a line."""

    def __init__(self, path):
        self.path = path

    def text(self):
        return pathlib.Path(self.path).read_text(errors="replace")

    def json(self):
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def lines(self, **members):
        return [line for line in self.json() if "_aws" not in line and members.items() <= line.items()]

    def metrics(self):
        return [line for line in self.json() if "_aws" in line]


class Function:
    """A function in an environment of its own. Ends it as AWS does: by SIGTERM, after which it must be gone with 0."""

    def __init__(self, handler, env, program=None, memory=1024, arn="arn:aws:lambda:eu-west-2:1:function:f"):
        self.handler = handler
        self.events = queue.Queue()
        self.answers = queue.Queue()
        self.posts = []
        self.arn = arn
        self.deadline_ms = 0
        self.folder = tempfile.TemporaryDirectory()
        self.log = Log(f"{self.folder.name}/log")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.api())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        variables = environment(handler, env, memory) | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}"}
        with open(self.log.path, "wb") as log:
            self.process = subprocess.Popen([program or check_bootstrap(handler)], env=variables, cwd=self.folder.name,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def api(function):
        class Api(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                assert self.path == "/2018-06-01/runtime/invocation/next", self.path
                request_id, body = function.events.get()
                if request_id is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                for name, value in {"Lambda-Runtime-Aws-Request-Id": request_id,
                                    "Lambda-Runtime-Deadline-Ms": str(function.deadline_ms),
                                    "Lambda-Runtime-Invoked-Function-Arn": function.arn,
                                    "Lambda-Runtime-Trace-Id": TRACE, "Content-Type": "application/json",
                                    "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                function.posts.append(self.path)
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                function.answers.put((self.path, body, dict(self.headers)))

            def log_message(self, *_):
                pass

        return Api

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.events.put((None, None))
            self.server.shutdown()
            self.server.server_close()
            said = self.log.text()
            self.folder.cleanup()
        if kind is None:
            assert not any(mark in said for mark in SANITIZER_MARKS), said
            assert status == self.wanted_status, f"ended with {status}\n{said}"

    wanted_status = 0

    def send(self, event, seconds=60):
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        request_id = str(uuid.uuid4())
        self.deadline_ms = int((time.time() + seconds) * 1000)
        self.events.put((request_id, body))
        return request_id

    def receive(self, timeout=90):
        begun = time.monotonic()
        while True:
            try:
                path, body, headers = self.answers.get(timeout=0.2)
                return Answer(body, time.monotonic() - begun, path.endswith("/error"), headers)
            except queue.Empty:
                assert self.process.poll() is None, f"ended with {self.process.returncode}\n{self.log.text()}"
                assert time.monotonic() - begun < timeout, f"no answer\n{self.log.text()}"

    def call(self, event=None, seconds=60):
        """An invocation whatever comes of it."""
        self.send({} if event is None else event, seconds)
        return self.receive()

    def ok(self, event=None, seconds=60):
        answer = self.call(event, seconds)
        assert not answer.failed, f"{answer}\n{self.log.text()}"
        return answer

    def fails(self, code, event=None, seconds=60):
        answer = self.call(event, seconds)
        assert answer.failed and answer["errorType"] == code, f"{answer}\n{self.log.text()}"
        assert answer.headers["Lambda-Runtime-Function-Error-Type"] == f"Tote.{code}"
        return answer["errorMessage"]

    def fails_to_start(self, code):
        self.wanted_status = {"CONFIG": 3}[code]
        begun = time.monotonic()
        path, body, _ = self.answers.get(timeout=30)
        assert path == "/2018-06-01/runtime/init/error", path
        answer = Answer(body, time.monotonic() - begun, True)
        assert answer["errorType"] == code, answer
        self.process.wait(30)
        return answer["errorMessage"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Emulator:
    """A function under AWS's emulator, which kills what takes too long. `wrap` goes in front of its command."""

    def __init__(self, handler, env, program, seconds=60, memory=1024, wrap=()):
        self.folder = tempfile.TemporaryDirectory()
        self.log = Log(f"{self.folder.name}/log")
        self.port = free_port()
        variables = environment(handler, env, memory) | {"AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds)}
        with open(self.log.path, "wb") as log:
            self.process = subprocess.Popen(
                [*wrap, EMULATOR, "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
                 "--runtime-api-address", f"127.0.0.1:{free_port()}", program],
                env=variables, cwd="/tmp", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_for_port()

    def wait_for_port(self):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert self.process.poll() is None, self.log.text()
                time.sleep(0.05)
        raise AssertionError(self.log.text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        said = self.log.text()
        self.folder.cleanup()
        assert not any(mark in said for mark in SANITIZER_MARKS), said

    def call(self, event=None):
        begun = time.monotonic()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations",
                                         data=json.dumps({} if event is None else event).encode())
        try:
            with urllib.request.urlopen(request, timeout=90) as response:
                return Answer(response.read().decode(), time.monotonic() - begun)
        except urllib.error.HTTPError as error:  # the function did not start, or ended
            with error:
                return Answer(error.read().decode(), time.monotonic() - begun, failed=True)
