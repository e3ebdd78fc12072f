"""Terraform on a copy of terraform/, and a moto server for it to talk to."""
import glob
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REGION = "eu-west-2"

# A local server needs another way to say bucket names and no look at the metadata service; and a call that it does not
# know must fail in seconds.
OVERRIDE = """\
terraform {
  backend "local" {}
}

provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  max_retries                 = 2
}
"""

# The same with the state where environments/*/backend.hcl says.
REMOTE_STATE = OVERRIDE.replace('backend "local" {}', """backend "s3" {
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
  }""")


def plugin_dir():
    """Where provider plugins lie unpacked on this machine, or None: then only the registry has them."""
    named = os.environ.get("TF_PLUGIN_DIR")
    mirrors = ["~/.terraform.d/plugins", "~/.local/share/terraform/plugins", "/usr/local/share/terraform/plugins",
               "/usr/share/terraform/plugins", "/opt/*"]
    for pattern in [named] if named else mirrors:
        for folder in sorted(glob.glob(os.path.expanduser(pattern))):
            if glob.glob(f"{folder}/registry.terraform.io/hashicorp/aws/5.*"):
                return folder
    return None


def missing():
    """Why Terraform cannot be tested here, or None."""
    if not shutil.which("terraform"):
        return "SKIPPED LOUDLY: there is no terraform on this machine, and no package registry has it"
    if not plugin_dir():
        return ("SKIPPED LOUDLY: no AWS provider 5.x for terraform on this machine; "
                "set TF_PLUGIN_DIR to a folder of unpacked plugins (terraform providers mirror)")
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings(endpoint=None):
    """What Terraform and AWS's command line are told by their environment."""
    variables = {"TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
                 "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_PAGER": "",
                 "AWS_EC2_METADATA_DISABLED": "true"}
    return variables | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})


class Terraform:
    """A copy of one of the roots in terraform/, in a folder of its own."""

    def __init__(self, folder, root=".", endpoint=None, override=OVERRIDE):
        self.base = pathlib.Path(folder) / "terraform"
        shutil.copytree(ROOT / "terraform", self.base,
                        ignore=shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*"))
        self.folder = self.base / root
        self.endpoint = endpoint
        self.shown = None
        if override:
            (self.folder / "local_override.tf").write_text(override)

    @property
    def env(self):
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        return variables | settings(self.endpoint)

    def run(self, *arguments, check=True):
        if arguments[0] in ("apply", "destroy"):
            self.shown = None
        done = subprocess.run(["terraform", *map(str, arguments)], cwd=self.folder, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert not check or done.returncode == 0, f"terraform {' '.join(map(str, arguments))}:\n{done.stdout[-8000:]}"
        return done.stdout

    def init(self, *arguments):
        return self.run("init", "-input=false", "-no-color", f"-plugin-dir={plugin_dir()}", *arguments)

    def variables(self, **values):
        (self.folder / "test.auto.tfvars.json").write_text(json.dumps(values))

    def apply(self):
        return self.run("apply", "-auto-approve", "-input=false", "-no-color")

    def destroy(self):
        return self.run("destroy", "-auto-approve", "-input=false", "-no-color")

    def show(self):
        """The state as a document. It costs seconds, so it is kept until something is done."""
        if self.shown is None:
            self.shown = json.loads(self.run("show", "-json"))
        return self.shown

    def outputs(self):
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json")).items()}

    def resources(self):
        """Everything in the state: address -> values."""
        state = self.show()
        found = {}

        def walk(module):
            for resource in module.get("resources", []):
                if resource["mode"] == "managed":
                    found[resource["address"]] = resource["values"]
            for child in module.get("child_modules", []):
                walk(child)

        walk(state["values"]["root_module"])
        return found


def placeholder_zips(folder):
    """Zips that deploy and do nothing, for servers that execute no function."""
    folder = pathlib.Path(folder) / "zips"
    folder.mkdir()
    for name in ("ingest", "tote"):
        for architecture in ("arm64", "x86_64"):
            with zipfile.ZipFile(folder / f"{name}-{architecture}.zip", "w") as archive:
                archive.writestr("bootstrap", "#!/bin/sh\n")
    return str(folder)


class Moto:
    """A moto server. Use as a context manager."""

    def __init__(self, folder):
        self.log = pathlib.Path(folder) / "moto.log"
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        program = [sys.executable, "-c", "from moto.server import main; main()"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*program, "-H", "127.0.0.1", "-p", str(self.port)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait_for(f"{self.endpoint}/moto-api/data.json", self.process)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def enforce_permissions(self, after=0):
        """From the given number of calls on, signatures and IAM policies count."""
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset-auth", data=str(after).encode(),
                                         headers={"Content-Type": "text/plain"}, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def client(self, service, key="test", secret="test", token=None):
        import boto3
        from botocore.config import Config

        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=key,
                            aws_secret_access_key=secret, aws_session_token=token,
                            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))


def wait_for(url, process, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, f"nobody answers at {url}"
            time.sleep(0.1)
