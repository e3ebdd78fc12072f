#!/usr/bin/env python3
"""Prints what every role may do, as a page for docs/reference/permissions.md.

usage: permissions.py STATE.json...      outputs of `terraform show -json` after an apply

A test applies the Terraform to a local server and compares the page with the checked-in one, so that no permission
comes or grows unseen.
"""
import json
import pathlib
import re
import sys

INTRODUCTION = """\
# Permissions

<!-- printed by `tools/permissions.py`; a test compares -->

What each role and resource policy of a deployment named `tote-dev` may do, with a VPC for load and CloudFront's
statements left out, and after it what `terraform/bootstrap` makes for who deploys. `ACCOUNT` is the account's number. Where a
resource is `*`, AWS knows none that is narrower. No role may do more than `tote-dev-boundary`, whatever its own policy says.
"""


def resources(module):
    for resource in module.get("resources", []):
        if resource["mode"] == "managed":
            yield resource
    for child in module.get("child_modules", []):
        yield from resources(child)


def listed(value):
    return sorted([value] if isinstance(value, str) else value or [])


def tidy(text):
    text = re.sub(r"\b\d{12}\b", "ACCOUNT", text)
    text = re.sub(r"(secret:[\w-]+)-[A-Za-z0-9]{6}\b", r"\1-*", text)
    return re.sub(r"key/[0-9a-f-]{36}", "key/KEY", text)


def conditions(statement):
    return "; ".join(f"{test} {key} = {', '.join(listed(values))}"
                     for test, keys in sorted(statement.get("Condition", {}).items())
                     for key, values in sorted(keys.items()))


def rows(policy):
    for statement in policy["Statement"]:
        where = (listed(statement.get("Resource")) or [f"all but {name}" for name in listed(statement.get("NotResource"))] or
                 [name for names in statement["Principal"].values() for name in listed(names)])
        yield (statement["Effect"].lower(), "<br>".join(listed(statement["Action"])),
               "<br>".join(tidy(name) for name in where), tidy(conditions(statement)))


def policies(state):
    """(heading, policy) of everything that carries one, sorted."""
    found = []
    for resource in resources(state["values"]["root_module"]):
        values = resource["values"]
        if resource["type"] == "aws_iam_role_policy":
            found.append((f"role {values['role']}", values["policy"]))
        elif resource["type"] == "aws_iam_role":
            found.append((f"who may be {values['name']}", values["assume_role_policy"]))
        elif resource["type"] == "aws_iam_policy":
            found.append((f"policy {values['name']}", values["policy"]))
        elif resource["type"] in ("aws_s3_bucket_policy", "aws_sqs_queue_policy", "aws_sns_topic_policy",
                                  "aws_vpc_endpoint", "aws_kms_key"):
            name = (values.get("bucket") or values.get("queue_url", "").rpartition("/")[2] or
                    values.get("arn", "").rpartition(":")[2])
            if resource["type"] == "aws_vpc_endpoint":
                name = values["service_name"].rpartition(".")[2]
            if resource["type"] == "aws_kms_key":
                name = f"'{values['description']}'"
            found.append((f"{resource['type'].split('_', 1)[1].replace('_', ' ')} {name}", values["policy"]))
    return sorted((tidy(heading), json.loads(policy)) for heading, policy in found)


def attached(state):
    """(who, policy) where a policy is not a role's own."""
    for resource in resources(state["values"]["root_module"]):
        values = resource["values"]
        if resource["type"] in ("aws_iam_role_policy_attachment", "aws_iam_group_policy_attachment"):
            yield (f"role {values['role']}" if "role" in values else f"group {values['group']}",
                   values["policy_arn"].rpartition("/")[2])
        elif resource["type"] == "aws_iam_user_group_membership":
            yield from ((f"user {values['user']}", f"those of group {group}") for group in values["groups"])


def page(states):
    lines = [INTRODUCTION]
    for state in states:
        for heading, policy in policies(state):
            lines += [f"## {heading}", "", "| | actions | resources | only when |", "|---|---|---|---|"]
            lines += [f"| {' | '.join(row)} |" for row in rows(policy)]
            lines.append("")
    lines += ["## Attached", "", "| to | policy |", "|---|---|"]
    lines += sorted({f"| {who} | {policy} |" for state in states for who, policy in attached(state)})
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(page([json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:]]), end="")
