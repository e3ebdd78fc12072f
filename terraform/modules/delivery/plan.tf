# Reads everything that Terraform manages, and the state, but no data: no object of the lake, no secret's value.

data "aws_iam_policy_document" "plan" {
  # checkov:skip=CKV_AWS_356: what stands with '*' are lists and descriptions that AWS does not narrow

  statement {
    sid       = "State"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = [var.state.bucket_arn, "${var.state.bucket_arn}/${var.state.key}"]
  }

  statement {
    sid       = "StateKey"
    actions   = ["kms:Decrypt"]
    resources = [var.state.kms_key_arn]
  }

  statement {
    sid = "Buckets"
    actions = ["s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${var.name}-*"]
  }

  statement {
    sid = "Named"
    actions = [
      "athena:GetWorkGroup", "athena:ListTagsForResource",
      "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
      "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule",
      "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetTags",
      "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
      "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConfiguration",
      "lambda:GetFunctionEventInvokeConfig", "lambda:ListTags", "lambda:ListVersionsByFunction",
      "logs:DescribeMetricFilters", "logs:ListTagsForResource",
      "rds:ListTagsForResource",
      "scheduler:GetSchedule",
      "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
      "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource",
      "sqs:GetQueueAttributes", "sqs:ListQueueTags",
    ]
    resources = [
      "${local.arn.athena}:workgroup/${var.name}",
      "${local.arn.cloudwatch}:alarm:${var.name}-*",
      "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${var.name}",
      "${local.arn.events}:rule/${var.name}-*",
      "${local.arn.glue}:catalog",
      "${local.arn.glue}:database/${replace(var.name, "-", "_")}",
      "${local.arn.glue}:table/${replace(var.name, "-", "_")}/*",
      "${local.iam}:role/${var.name}-*",
      "${local.arn.lambda}:function:${var.name}-*",
      "${local.arn.logs}:log-group:/aws/lambda/${var.name}-*",
      "${local.arn.rds}:*:${var.name}-*",
      "${local.arn.scheduler}:schedule/default/${var.name}-*",
      "${local.arn.secretsmanager}:secret:${var.name}-*",
      "${local.arn.sns}:${var.name}-*",
      "${local.arn.sqs}:${var.name}-*",
    ]
  }

  # Keys and distributions have no names; their tags say whose they are.
  statement {
    sid       = "Key"
    actions   = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/deployment"
      values   = [var.name]
    }
  }

  statement {
    sid = "Page"
    actions = ["cloudfront:DescribeFunction", "cloudfront:GetDistribution", "cloudfront:GetFunction",
    "cloudfront:GetOriginAccessControl", "cloudfront:GetResponseHeadersPolicy", "cloudfront:ListTagsForResource"]
    resources = ["${local.cloudfront}:*"]
  }

  statement {
    sid       = "Budget"
    actions   = ["budgets:ListTagsForResource", "budgets:ViewBudget"]
    resources = ["arn:${local.partition}:budgets::${local.account}:budget/${var.name}"]
  }

  # None of these takes a resource.
  statement {
    sid = "Lists"
    actions = [
      "cloudwatch:DescribeAlarms",
      "ec2:DescribeAvailabilityZones", "ec2:DescribeNetworkAcls", "ec2:DescribePrefixLists", "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
      "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs",
      "kms:ListAliases",
      "lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings",
      "logs:DescribeLogGroups", "logs:DescribeQueryDefinitions",
      "rds:DescribeDBInstances", "rds:DescribeDBParameterGroups", "rds:DescribeDBParameters",
      "rds:DescribeDBSubnetGroups",
      "sts:GetCallerIdentity",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "plan" {
  name   = "plan"
  role   = aws_iam_role.this["plan"].id
  policy = data.aws_iam_policy_document.plan.json
}
