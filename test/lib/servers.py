#!/usr/bin/env python3
"""Servers of S3 for tests: VersityGW, which is real and strict, and moto with authentication on.

usage: servers.py COMMAND...      runs a command while they are there

The command finds them by TOTE_TEST_S3 and TOTE_TEST_MOTO (addresses), with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
for the first and TOTE_TEST_MOTO_KEY and TOTE_TEST_MOTO_SECRET for the second.
"""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VERSITYGW = ROOT / ".cache" / "bin" / "versitygw"
KEY = "tote-test-key"
SECRET = "tote-test-secret-of-no-worth"
REGION = "eu-west-2"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, log):
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer: {pathlib.Path(log).read_text()[-2000:]}")


class Server:
    """A process that serves at `url` while the context lasts."""

    environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION,
                   "AWS_EC2_METADATA_DISABLED": "true"}

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="tote-server-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with open(f"{self.folder}/log", "w") as log:
            self.process = subprocess.Popen(self.command(), env={**os.environ, **self.variables()}, stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            wait_for(self.url, self.process, f"{self.folder}/log")
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def variables(self):
        return {}

    def prepare(self):
        pass


class S3Server(Server):
    """VersityGW; a bucket is a folder of it."""

    def command(self):
        self.data = pathlib.Path(self.folder) / "data"
        versions = pathlib.Path(self.folder) / "versions"
        self.data.mkdir()
        versions.mkdir()
        return [VERSITYGW, "--quiet", "--port", f"127.0.0.1:{self.port}", "--region", REGION, "posix",
                "--versioning-dir", versions, self.data]

    def variables(self):
        return {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}

    def make_bucket(self, name):
        (self.data / name).mkdir()
        return name

    def objects(self, bucket):
        """Keys and contents of a bucket."""
        top = self.data / bucket
        return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*"))
                if path.is_file() and not path.relative_to(top).parts[0].startswith(".sgwtmp")}


class MotoServer(Server):
    """moto with signatures checked and policies enforced; one user may do everything."""

    def command(self):
        return [ROOT / ".cache/venv/bin/python", ROOT / "test/lib/moto_server.py", str(self.port)]

    def variables(self):
        return {"MOTO_IAM_LOAD_MANAGED_POLICIES": "false"}

    def client(self, service, key=None, secret=None, token=None):
        import boto3

        return boto3.client(service, endpoint_url=self.url, region_name=REGION,
                            aws_access_key_id=key or self.environment["AWS_ACCESS_KEY_ID"],
                            aws_secret_access_key=secret or self.environment["AWS_SECRET_ACCESS_KEY"],
                            aws_session_token=token)

    def prepare(self):
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam = self.client("iam")
        iam.create_user(UserName="root")
        iam.put_user_policy(UserName="root", PolicyName="all", PolicyDocument=json.dumps(everything))
        made = iam.create_access_key(UserName="root")["AccessKey"]
        self.environment = {**Server.environment, "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
                            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
        self.enforce()

    def enforce(self, after=0):
        """Checks signatures and policies from the request after the next `after` ones."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", data=str(after).encode(),
                                         headers={"Content-Type": "text/plain"}, method="POST")
        urllib.request.urlopen(request, timeout=10).read()


class FaultServer(Server):
    """fault_server.py, see there."""

    def command(self):
        raise NotImplementedError

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, ROOT / "test/lib/fault_server.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def script(self, *rules, upstream=None):
        request = urllib.request.Request(f"{self.url}/_script", method="POST",
                                         data=json.dumps({"upstream": upstream, "rules": rules}).encode())
        urllib.request.urlopen(request, timeout=10).read()

    def log(self):
        return urllib.request.urlopen(f"{self.url}/_log", timeout=10).read().decode().splitlines()


def main(command):
    with contextlib.ExitStack() as stack:
        moto = stack.enter_context(MotoServer())
        env = {**os.environ, **Server.environment, "TOTE_TEST_MOTO": moto.url,
               "TOTE_TEST_MOTO_KEY": moto.environment["AWS_ACCESS_KEY_ID"],
               "TOTE_TEST_MOTO_SECRET": moto.environment["AWS_SECRET_ACCESS_KEY"]}
        if VERSITYGW.exists():
            env["TOTE_TEST_S3"] = stack.enter_context(S3Server()).url
        else:
            print(f"NOT TESTED: {VERSITYGW} is missing, tools/setup.sh says why", file=sys.stderr)
        return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
