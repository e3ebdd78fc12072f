"""terraform/: well-formed, applied to a server that speaks AWS's API, and with no permission that nobody wrote down."""
import json
import shutil
import subprocess
import sys

import pytest
import yaml

from lib import terraform
from lib.terraform import REMOTE_STATE, ROOT, Moto, Terraform

pytestmark = [
    pytest.mark.skipif(terraform.missing() is not None, reason=str(terraform.missing())),
    # two minutes of a core and more of waiting, and the program has no part in it
    pytest.mark.depends_on("terraform", ".github/workflows/deploy.yml", "tools/permissions.py", "docs/reference/permissions.md", "docs/runbook.md", "test/lib/terraform.py"),
]

PERMISSIONS = ROOT / "docs" / "reference" / "permissions.md"

# What moto has no answer for: budgets, CloudFront's functions and header policies (the box of test/cloud has), saved log
# queries (nobody has); and it never takes an object lock away again, so that prod with its lock is only planned. It refuses
# what a policy denies to plain HTTP, which is all that it speaks here.
MOTO = {
    "environment": "dev", "architecture": "x86_64", "alarm_emails": ["ops@example.com"], "log_queries": False,
    "budget": 0, "page": {"cloudfront": False}, "tls_only": True, "force_destroy": True, "secret_recovery_days": 0,
    "key_deletion_days": 7, "network": {"create": True, "load": True},
    "catalog_tables": {"dim_staff": "star/dim_staff/0123456789abcdef-1"},
    "database": {"deletion_protection": False, "final_snapshot": False},
}
STATE = "tote-dev/terraform.tfstate"


@pytest.fixture(scope="class")
def moto(tmp_path_factory):
    with Moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="class")
def bootstrap(tmp_path_factory, moto):
    """What an account gets once: the bucket of the states, and who deploys by GitHub, with and without OIDC."""
    account = Terraform(tmp_path_factory.mktemp("bootstrap"), "bootstrap", endpoint=moto.endpoint)
    account.init()
    account.variables(repository="example/tote", environments=["dev"], ci_user=True, tls_only=False)
    account.apply()
    return account


@pytest.fixture(scope="class")
def deployment(tmp_path_factory, moto, bootstrap):
    """The whole deployment, applied to moto, with its state in the bucket that bootstrap made."""
    folder = tmp_path_factory.mktemp("terraform")
    terraform_root = Terraform(folder, endpoint=moto.endpoint, override=REMOTE_STATE)
    terraform_root.init("-backend-config=environments/dev/backend.hcl",
                        f"-backend-config=bucket={bootstrap.outputs()['state_bucket']}")
    terraform_root.variables(zip_directory=terraform.placeholder_zips(folder), **MOTO)
    terraform_root.apply()
    return terraform_root


def test_files_are_formatted():
    done = subprocess.run(["terraform", "fmt", "-recursive", "-check", "-diff", ROOT / "terraform"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout


# What each role may do, as calls that this file makes with the role's own credentials (TestDeployment.calls).
MAY = {
    "ingest": {"list ingestion", "read ingestion", "write ingestion"},
    "process": {"list ingestion", "read ingestion", "list processed", "read processed", "write processed",
                "take process"},
    "load": {"list ingestion", "list processed", "read processed", "list site", "read site", "write site", "take load",
             "read a record of ingestion", "read a record of processed"},
    "publish": {"list ingestion", "list processed", "list site", "read site", "write site",
                "read a record of ingestion", "read a record of processed"},
    "doctor": {"list ingestion", "read ingestion", "probe ingestion", "unprobe ingestion"},
}
IMPLIED = {"read ingestion": {"read a record of ingestion"}, "read processed": {"read a record of processed"},
           "write ingestion": {"probe ingestion"}, "write processed": {"probe processed"},
           "write site": {"probe site"}, "read site": {"read a record of site"}}


@pytest.mark.timeout(900)
class TestDeployment:
    def test_the_state_is_locked_while_somebody_applies(self, deployment, bootstrap, moto):
        bucket, s3 = bootstrap.outputs()["state_bucket"], moto.client("s3")
        assert b'"aws_db_instance"' in s3.get_object(Bucket=bucket, Key=STATE)["Body"].read()
        assert not list(deployment.folder.glob("*.tfstate"))
        lock = {"ID": "d5b1b1f0-0000-4000-8000-000000000000", "Operation": "OperationTypeApply", "Who": "somebody@else"}
        s3.put_object(Bucket=bucket, Key=f"{STATE}.tflock", Body=json.dumps(lock).encode())
        said = deployment.run("apply", "-auto-approve", "-input=false", "-no-color", "-refresh=false", check=False)
        assert "Error acquiring the state lock" in said and "somebody@else" in said, said
        s3.delete_object(Bucket=bucket, Key=f"{STATE}.tflock")

    def test_every_permission_is_written_down(self, deployment, bootstrap, tmp_path):
        states = []
        for root in (deployment, bootstrap):
            states.append(tmp_path / f"state-{len(states)}.json")
            states[-1].write_text(json.dumps(root.show()))
        page = subprocess.run([sys.executable, ROOT / "tools/permissions.py", *states], text=True, check=True,
                              stdout=subprocess.PIPE).stdout
        (deployment.folder / "permissions.md").write_text(page)
        assert page == PERMISSIONS.read_text(), (
            f"permissions changed; look at {deployment.folder}/permissions.md and, if they must be so, "
            f"copy it to {PERMISSIONS.relative_to(ROOT)}")

    def test_no_secret_is_in_the_state(self, deployment):
        resources = deployment.resources()
        assert not [address for address in resources if "secret_version" in address]
        for address, values in resources.items():
            if ".aws_lambda_function." in address:
                environment = values["environment"][0]["variables"]
                for name in ("TOTE_SOURCE_URL", "TOTE_WAREHOUSE_URL"):
                    assert environment.get(name, "secret:arn:").startswith("secret:arn:"), (address, name)

    def test_buckets_are_versioned_private_and_written_once(self, deployment, moto):
        s3 = moto.client("s3")
        for zone, bucket in deployment.outputs()["buckets"].items():
            assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
            assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
            rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
            assert not [rule for rule in rules if "Days" in rule.get("Expiration", {})], "current objects never expire"
            policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
            once = next(statement for statement in policy["Statement"] if statement["Sid"] == "WriteOnce")
            assert once["Effect"] == "Deny" and once["Action"] == "s3:PutObject"
            assert once["Condition"] == {"Null": {"s3:if-none-match": "true"},
                                         "Bool": {"s3:ObjectCreationOperation": "true"}}
            exempt = {"processed": f"arn:aws:s3:::{bucket}/*/_delta_log/_last_checkpoint",
                      "site": [f"arn:aws:s3:::{bucket}/index.html", f"arn:aws:s3:::{bucket}/latest.json"]}.get(zone)
            not_resource = once.get("NotResource")
            assert (sorted(not_resource) if isinstance(not_resource, list) else not_resource) == exempt

    def test_every_alarm_stands_in_the_runbook(self, deployment):
        runbook = (ROOT / "docs/runbook.md").read_text()
        for name in deployment.outputs()["alarms"]["names"]:
            kind = name.removeprefix("tote-dev-").partition("-")[2]
            assert f"### `{kind}`" in runbook, f"docs/runbook.md says nothing about the alarm {name}"

    def test_each_role_can_do_its_work_and_nothing_else(self, deployment, moto):
        """moto checks signatures and policies of S3 and SQS; of secrets it knows the action only, not which one."""
        outputs = deployment.outputs()
        buckets, s3 = outputs["buckets"], moto.client("s3")
        for bucket in buckets.values():
            s3.delete_bucket_policy(Bucket=bucket)  # moto reads a Deny as if it had no condition
            for key in ("seen", "_batches/seen", "_doctor/seen"):
                s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        credentials = {step: moto.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::123456789012:role/{function['role']}", RoleSessionName="test")["Credentials"]
            for step, function in outputs["functions"].items()}
        moto.enforce_permissions()
        try:
            seen = {step: self.allowed(moto, outputs, key) for step, key in credentials.items()}
        finally:
            moto.enforce_permissions(after=10**9)
            for bucket in buckets.values():  # terraform would delete many with one call, which moto fails
                for version in s3.list_object_versions(Bucket=bucket).get("Versions", []):
                    s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
                for marker in s3.list_object_versions(Bucket=bucket).get("DeleteMarkers", []):
                    s3.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
        expected = {step: may.union(*(IMPLIED.get(name, set()) for name in may)) for step, may in MAY.items()}
        assert seen == expected

    def allowed(self, moto, outputs, credentials):
        """Names of the calls that these credentials may make."""
        from botocore.exceptions import ClientError

        keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
        done = set()
        for name, call in self.calls(moto.client("s3", *keys), moto.client("sqs", *keys), outputs):
            try:
                call()
                done.add(name)
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return done

    @staticmethod
    def calls(s3, sqs, outputs):
        for zone, bucket in outputs["buckets"].items():
            for name, call, more in [
                    (f"list {zone}", s3.list_objects_v2, {}),
                    (f"read {zone}", s3.get_object, {"Key": "seen"}),
                    (f"read a record of {zone}", s3.get_object, {"Key": "_batches/seen"}),
                    (f"write {zone}", s3.put_object, {"Key": "new", "Body": b"x"}),
                    (f"probe {zone}", s3.put_object, {"Key": "_doctor/new", "Body": b"x"}),
                    (f"unprobe {zone}", s3.delete_object, {"Key": "_doctor/seen"}),
                    (f"delete {zone}", s3.delete_object, {"Key": "seen"}),
                    (f"open {zone} to the world", s3.delete_public_access_block, {}),
                    (f"forget versions of {zone}", s3.put_bucket_versioning,
                     {"VersioningConfiguration": {"Status": "Suspended"}})]:
                yield name, lambda call=call, bucket=bucket, more=more: call(Bucket=bucket, **more)
        for step, queue in outputs["queues"].items():
            yield f"take {step}", lambda url=queue["url"]: sqs.receive_message(QueueUrl=url)
            yield f"send {step}", lambda url=queue["url"]: sqs.send_message(QueueUrl=url, MessageBody="x")
            yield f"purge {step}", lambda url=queue["url"]: sqs.purge_queue(QueueUrl=url)

    def test_the_workflow_plans_prod_as_it_is(self, moto, bootstrap, tmp_path):
        """The commands of .github/workflows/deploy.yml, with the state in the bucket."""
        root = Terraform(tmp_path, endpoint=moto.endpoint, override=REMOTE_STATE)
        shutil.copytree(terraform.placeholder_zips(tmp_path), tmp_path / "build" / "lambda")
        workflow = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())
        step = next(step for step in workflow["jobs"]["plan"]["steps"] if step.get("name") == "terraform plan")
        assert step["working-directory"] == "terraform"
        summary = tmp_path / "summary"
        env = root.env | {"ENVIRONMENT": "prod", "STATE_BUCKET": bootstrap.outputs()["state_bucket"],
                          "TF_VAR_alarm_emails": '["ops@example.com"]', "TF_VAR_page_gate": '{"addresses":["192.0.2.1"]}',
                          "TF_VAR_permissions_boundary_arn": "arn:aws:iam::123456789012:policy/tote-prod-boundary",
                          "GITHUB_STEP_SUMMARY": str(summary), "TF_CLI_ARGS_init": f"-plugin-dir={terraform.plugin_dir()}"}
        assert set(step["env"]) <= set(env)
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], cwd=root.folder, env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout
        said = summary.read_text()
        assert said.startswith("### prod")
        for made in ("aws_db_instance.this[0]", "aws_s3_bucket_object_lock_configuration.this[0]", "aws_cloudfront_function.gate[0]",
                     "aws_budgets_budget.this[0]", "aws_cloudwatch_query_definition.this[\"errors\"]"):
            assert f"{made} will be created" in done.stdout, done.stdout

    def test_it_goes_away_again(self, deployment, bootstrap, moto):
        deployment.destroy()
        assert "values" not in deployment.show()
        bucket, s3 = bootstrap.outputs()["state_bucket"], moto.client("s3")
        assert b'"resources": []' in s3.get_object(Bucket=bucket, Key=STATE)["Body"].read()
        for version in s3.list_object_versions(Bucket=bucket)["Versions"] + s3.list_object_versions(Bucket=bucket).get(
                "DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        bootstrap.destroy()
        assert "values" not in bootstrap.show()
