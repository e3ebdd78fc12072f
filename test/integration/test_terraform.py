"""terraform/: well-formed, applied to a server that speaks AWS's API, and with no permission that nobody wrote down."""
import json
import subprocess
import sys

import pytest

from lib import terraform
from lib.terraform import ROOT, Moto, Terraform

pytestmark = pytest.mark.skipif(terraform.missing() is not None, reason=str(terraform.missing()))

PERMISSIONS = ROOT / "docs" / "reference" / "permissions.md"

# What moto has no answer for: budgets, CloudFront's functions and header policies, saved log queries. It refuses what a
# policy denies to plain HTTP, which is all that it speaks here.
MOTO = {
    "environment": "dev", "architecture": "x86_64", "alarm_emails": ["ops@example.com"], "log_queries": False,
    "budget": 0, "page": {"cloudfront": False}, "tls_only": True, "force_destroy": True, "secret_recovery_days": 0,
    "key_deletion_days": 7, "network": {"create": True, "load": True},
    "catalog_tables": {"dim_staff": "star/dim_staff/0123456789abcdef-1"},
}


@pytest.fixture(scope="class")
def moto(tmp_path_factory):
    with Moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="class")
def deployment(tmp_path_factory, moto):
    """The whole deployment, applied to moto."""
    folder = tmp_path_factory.mktemp("terraform")
    terraform_root = Terraform(folder, endpoint=moto.endpoint)
    terraform_root.init()
    terraform_root.variables(zip_directory=terraform.placeholder_zips(folder), **MOTO)
    terraform_root.apply()
    return terraform_root


def test_files_are_formatted():
    done = subprocess.run(["terraform", "fmt", "-recursive", "-check", "-diff", ROOT / "terraform"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(600)
class TestDeployment:
    def test_every_permission_is_written_down(self, deployment, tmp_path):
        state = tmp_path / "state.json"
        state.write_text(deployment.run("show", "-json"))
        page = subprocess.run([sys.executable, ROOT / "tools/permissions.py", state], text=True, check=True,
                              stdout=subprocess.PIPE).stdout
        (deployment.folder / "permissions.md").write_text(page)
        assert page == PERMISSIONS.read_text(), (
            f"permissions changed; look at {deployment.folder}/permissions.md and, if they must be so, "
            f"copy it to {PERMISSIONS.relative_to(ROOT)}")
