# Changes what Terraform manages: everything whose name begins with the deployment's, and roles only within the boundary.

data "aws_iam_policy_document" "apply" {
  # checkov:skip=CKV_AWS_109: who deploys manages permissions; roles are held by the boundary
  # checkov:skip=CKV_AWS_111: what stands with '*' has no name before it is made, and is held by tags or region
  # checkov:skip=CKV_AWS_356: what stands with '*' has no name before it is made, and is held by tags or region

  statement {
    sid       = "State"
    actions   = ["s3:DeleteObject", "s3:PutObject"]
    resources = ["${var.state.bucket_arn}/${var.state.key}", "${var.state.bucket_arn}/${var.state.key}.tflock"]
  }

  statement {
    sid       = "StateLock"
    actions   = ["s3:GetObject"]
    resources = ["${var.state.bucket_arn}/${var.state.key}.tflock"]
  }

  statement {
    sid       = "StateKey"
    actions   = ["kms:GenerateDataKey"]
    resources = [var.state.kms_key_arn]
  }

  statement {
    sid = "Buckets"
    actions = ["s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucket*",
    "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration"]
    resources = ["arn:${local.partition}:s3:::${var.name}-*"]
  }

  statement {
    sid = "Named"
    actions = [
      "athena:CreateWorkGroup", "athena:DeleteWorkGroup", "athena:TagResource", "athena:UntagResource",
      "athena:UpdateWorkGroup",
      "cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard",
      "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
      "events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource",
      "events:UntagResource",
      "glue:CreateDatabase", "glue:CreateTable", "glue:DeleteDatabase", "glue:DeleteTable", "glue:TagResource",
      "glue:UntagResource", "glue:UpdateDatabase", "glue:UpdateTable",
      "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency",
      "lambda:DeleteFunctionEventInvokeConfig", "lambda:PutFunctionConcurrency",
      "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission", "lambda:TagResource",
      "lambda:UntagResource", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      "lambda:UpdateFunctionEventInvokeConfig",
      "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter",
      "logs:DisassociateKmsKey", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource",
      "logs:UntagResource",
      "rds:AddTagsToResource", "rds:CreateDBInstance", "rds:CreateDBParameterGroup", "rds:CreateDBSnapshot",
      "rds:CreateDBSubnetGroup", "rds:DeleteDBInstance", "rds:DeleteDBParameterGroup", "rds:DeleteDBSubnetGroup",
      "rds:ModifyDBInstance", "rds:ModifyDBParameterGroup", "rds:ModifyDBSubnetGroup",
      "rds:RemoveTagsFromResource",
      "scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule",
      "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:RestoreSecret",
      "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret",
      "sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource",
      "sns:Unsubscribe", "sns:UntagResource",
      "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue",
    ]
    resources = [
      "${local.arn.athena}:workgroup/${var.name}",
      "${local.arn.cloudwatch}:alarm:${var.name}-*",
      "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${var.name}",
      "${local.arn.events}:rule/${var.name}-*",
      "${local.arn.glue}:catalog",
      "${local.arn.glue}:database/${replace(var.name, "-", "_")}",
      "${local.arn.glue}:table/${replace(var.name, "-", "_")}/*",
      "${local.arn.lambda}:function:${var.name}-*",
      "${local.arn.logs}:log-group:/aws/lambda/${var.name}-*",
      "${local.arn.rds}:*:${var.name}-*",
      "${local.arn.scheduler}:schedule/default/${var.name}-*",
      "${local.arn.secretsmanager}:secret:${var.name}-*",
      "${local.arn.sns}:${var.name}-*",
      "${local.arn.sqs}:${var.name}-*",
    ]
  }

  statement {
    sid       = "RolesWithinTheBoundary"
    actions   = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = [for step in local.steps : "${local.iam}:role/${var.name}-${step}"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary.arn]
    }
  }

  statement {
    sid = "Roles"
    actions = ["iam:DeleteRole", "iam:ListInstanceProfilesForRole", "iam:TagRole", "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"]
    resources = [for step in local.steps : "${local.iam}:role/${var.name}-${step}"]
  }

  statement {
    sid       = "HandRoles"
    actions   = ["iam:PassRole"]
    resources = [for step in local.steps : "${local.iam}:role/${var.name}-${step}"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com", "scheduler.amazonaws.com"]
    }
  }

  statement {
    sid       = "NewKey"
    actions   = ["kms:CreateKey", "kms:TagResource"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/deployment"
      values   = [var.name]
    }
  }

  statement {
    sid = "Key"
    actions = ["kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:DisableKeyRotation",
      "kms:EnableKeyRotation", "kms:GenerateDataKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion",
    "kms:UpdateAlias", "kms:UpdateKeyDescription"]
    resources = ["${local.arn.kms}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/deployment"
      values   = [var.name]
    }
  }

  statement {
    sid       = "Alias"
    actions   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
    resources = ["${local.arn.kms}:alias/${var.name}"]
  }

  statement {
    sid = "Queue"
    actions = ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping",
    "lambda:UpdateEventSourceMapping"]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:FunctionArn"
      values   = ["${local.arn.lambda}:function:${var.name}-*"]
    }
  }

  statement {
    sid       = "LogQueries"
    actions   = ["logs:DeleteQueryDefinition", "logs:PutQueryDefinition"]
    resources = ["*"] # no narrower resource
  }

  statement {
    sid       = "Budget"
    actions   = ["budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"]
    resources = ["arn:${local.partition}:budgets::${local.account}:budget/${var.name}"]
  }

  # Distributions and their parts have ids, not names.
  statement {
    sid = "Page"
    actions = [
      "cloudfront:CreateDistribution", "cloudfront:CreateFunction", "cloudfront:CreateOriginAccessControl",
      "cloudfront:CreateResponseHeadersPolicy", "cloudfront:DeleteDistribution", "cloudfront:DeleteFunction",
      "cloudfront:DeleteOriginAccessControl", "cloudfront:DeleteResponseHeadersPolicy",
      "cloudfront:PublishFunction", "cloudfront:TagResource", "cloudfront:UntagResource",
      "cloudfront:UpdateDistribution", "cloudfront:UpdateFunction", "cloudfront:UpdateOriginAccessControl",
      "cloudfront:UpdateResponseHeadersPolicy",
    ]
    resources = ["${local.cloudfront}:*"]
  }

  statement {
    sid = "NewNetwork"
    actions = [
      "ec2:CreateRoute", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags",
      "ec2:CreateVpc", "ec2:CreateVpcEndpoint",
    ]
    resources = ["${local.arn.ec2}:*/*"]
  }

  statement {
    sid = "Network"
    actions = [
      "ec2:AssociateRouteTable", "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress",
      "ec2:DeleteRoute", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteTags",
      "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DisassociateRouteTable", "ec2:ModifySecurityGroupRules",
      "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint",
      "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
    ]
    resources = ["${local.arn.ec2}:*/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/deployment"
      values   = [var.name]
    }
  }
}

locals {
  # The deployment's own roles. Not those of this module: nobody raises himself.
  steps = ["ingest", "ingest-schedule", "process", "load", "publish", "doctor", "doctor-schedule"]
}

resource "aws_iam_policy" "apply" {
  name        = "${var.name}-deploy-apply"
  description = "Changes ${var.name}"
  policy      = data.aws_iam_policy_document.apply.json
}

# Who applies also plans.
resource "aws_iam_role_policy" "apply_reads" {
  name   = "plan"
  role   = aws_iam_role.this["apply"].id
  policy = data.aws_iam_policy_document.plan.json
}

resource "aws_iam_role_policy_attachment" "apply" {
  role       = aws_iam_role.this["apply"].name
  policy_arn = aws_iam_policy.apply.arn
}

# The alternative without OIDC: one user, whose keys are made by hand and kept as secrets of GitHub's environment.
resource "aws_iam_user" "ci" {
  # checkov:skip=CKV_AWS_273: made only where somebody asks for the alternative to OIDC
  count = var.ci_user ? 1 : 0
  name  = "${var.name}-deploy"
}

resource "aws_iam_policy" "plan" {
  count       = var.ci_user ? 1 : 0
  name        = "${var.name}-deploy-plan"
  description = "Reads ${var.name}"
  policy      = data.aws_iam_policy_document.plan.json
}

resource "aws_iam_group" "ci" {
  count = var.ci_user ? 1 : 0
  name  = "${var.name}-deploy"
}

resource "aws_iam_group_policy_attachment" "ci" {
  for_each = var.ci_user ? { plan = aws_iam_policy.plan[0].arn, apply = aws_iam_policy.apply.arn } : {}

  group      = aws_iam_group.ci[0].name
  policy_arn = each.value
}

resource "aws_iam_user_group_membership" "ci" {
  count  = var.ci_user ? 1 : 0
  user   = aws_iam_user.ci[0].name
  groups = [aws_iam_group.ci[0].name]
}
