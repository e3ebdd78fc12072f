# Who may change the deployment: GitHub's workflows by OIDC, without a stored key. `plan` may read, from any pull request
# of the repository; `apply` may write, from the environment of GitHub that people approve.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition

  # arn(service) of this account and region
  arn = { for service in ["athena", "cloudwatch", "ec2", "events", "glue", "kms", "lambda", "logs", "rds", "scheduler",
  "secretsmanager", "sns", "sqs"] : service => "arn:${local.partition}:${service}:${local.region}:${local.account}" }
  iam        = "arn:${local.partition}:iam::${local.account}"
  cloudfront = "arn:${local.partition}:cloudfront::${local.account}"

  roles = {
    plan  = "repo:${var.repository}:pull_request"
    apply = "repo:${var.repository}:environment:${var.environment}"
  }
}

data "aws_iam_policy_document" "assume" {
  for_each = local.roles

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [each.value]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name                 = "${var.name}-deploy-${each.key}"
  description          = each.key == "plan" ? "Reads ${var.name} for terraform plan" : "Changes ${var.name} by terraform apply"
  assume_role_policy   = data.aws_iam_policy_document.assume[each.key].json
  max_session_duration = 3600
}

# The most that any role of the deployment can ever do, whatever policy somebody writes for it. Without it, who may make
# roles may do everything.
data "aws_iam_policy_document" "boundary" {
  statement {
    sid       = "Lake"
    actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    resources = ["arn:${local.partition}:s3:::${var.name}-*"]
  }

  statement {
    sid = "Queues"
    actions = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
    "sqs:SendMessage"]
    resources = ["${local.arn.sqs}:${var.name}-*"]
  }

  statement {
    sid       = "Functions"
    actions   = ["lambda:InvokeFunction"]
    resources = ["${local.arn.lambda}:function:${var.name}-*"]
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["${local.arn.secretsmanager}:secret:${var.name}-*"]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/deployment"
      values   = [var.name]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.arn.logs}:log-group:/aws/lambda/${var.name}-*"]
  }

  statement {
    sid = "Networking"
    actions = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses"]
    resources = ["${local.arn.ec2}:*/*"]
  }

  statement {
    sid       = "NetworkingLook"
    actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    resources = ["*"] # EC2 knows no narrower resource for these
  }
}

resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-boundary"
  description = "The most that any role of ${var.name} can do"
  policy      = data.aws_iam_policy_document.boundary.json
}
