"""What the workflows run that is not `make`: their commands, as they stand in .github/. If these fail, a release or a deployment
ends half-way, where nobody can try it at home."""
import json
import os
import re
import shutil
import subprocess
import zipfile

import pytest
import yaml

from lib.terraform import ROOT

BUILD = ROOT / os.environ.get("BUILD", "build")


def step(workflow, job, name):
    steps = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text())["jobs"][job]["steps"]
    return next(step["run"] for step in steps if step.get("name") == name)


def run(script, folder, **more):
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=folder, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=os.environ | more)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_release_says_what_is_in_it(tmp_path):
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    (tmp_path / "build" / "lambda").mkdir(parents=True)
    shutil.copy(BUILD / "tote", tmp_path / "build")
    for architecture in ("arm64", "x86_64"):  # stand-ins: what is in them is not looked at
        for name in ("ingest", "tote"):
            with zipfile.ZipFile(tmp_path / "build" / "lambda" / f"{name}-{architecture}.zip", "w") as archive:
                archive.writestr("bootstrap", "")
    run(step("release", "build", "what is in it, and its sums"), tmp_path)
    run("sha256sum --check --strict SHA256SUMS", tmp_path / "dist")
    sums = (tmp_path / "dist" / "SHA256SUMS").read_text()
    assert sorted(line.split()[1] for line in sums.splitlines()) == [
        "ingest-arm64.zip", "ingest-x86_64.zip", "sbom.cdx.json", "tote-arm64.zip", "tote-x86_64", "tote-x86_64.zip"]
    listed = json.loads((tmp_path / "dist" / "sbom.cdx.json").read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.5")
    components = {component["name"]: component["version"] for component in listed["components"]}
    assert components["duckdb"] in subprocess.run([BUILD / "tote", "version"], text=True, check=True, stdout=subprocess.PIPE).stdout
    assert all(components.values()) and "d3-scale" in components and "esbuild" not in components
    # every library of the build's packages is named; the others on that line are compilers and tools
    setup = (ROOT / "tools/setup.sh").read_text()
    packages = re.findall(r"\S+-dev\b", re.search(r'BUILD_PACKAGES="(.*?)"', setup, re.DOTALL)[1])
    purls = " ".join(component["purl"] for component in listed["components"])
    assert [package for package in packages if f"debian/{package}@" not in purls] == ["libc6-dev"]


def test_a_mirror_of_providers_becomes_plugins(tmp_path):
    """As the workflow `test` does with what `terraform providers mirror` fetched, which needs the registry."""
    script = step("test", "test", "AWS provider, for the tests of terraform/").partition("&& ")[2]
    folder = tmp_path / ".terraform.d" / "mirror" / "registry.terraform.io" / "hashicorp" / "aws"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "terraform-provider-aws_5.100.0_linux_amd64.zip", "w") as archive:
        archive.writestr("terraform-provider-aws_v5.100.0_x5", "#!/bin/sh\n")
    run(script, ROOT, HOME=str(tmp_path))
    found = tmp_path / ".terraform.d/plugins/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"
    assert os.access(found / "terraform-provider-aws_v5.100.0_x5", os.X_OK)


def test_what_is_made_can_be_made():
    makefile = (ROOT / "Makefile").read_text()
    made = [command["run"] for workflow in (ROOT / ".github/workflows").glob("*.yml")
            for job in yaml.safe_load(workflow.read_text())["jobs"].values()
            for command in job["steps"] if command.get("run", "").startswith("make ")]
    assert made
    for target in " ".join(made).replace("make ", "").split():
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
