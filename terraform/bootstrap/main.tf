# Once for each account, by somebody who administers it: the bucket of the states, and the roles by which GitHub deploys.

data "aws_caller_identity" "current" {}

resource "aws_kms_key" "state" {
  # checkov:skip=CKV2_AWS_64: the default policy: IAM policies of this account decide
  description             = "States of ${var.project}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

module "state" {
  source      = "../modules/bucket"
  name        = "${var.project}-state-${data.aws_caller_identity.current.account_id}"
  kms_key_arn = aws_kms_key.state.arn
  settings = {
    tls_only        = var.tls_only
    write_once      = false # Terraform writes the state again and again; versions keep the old ones
    noncurrent_days = 365
  }
}

# GitHub's certificates are signed by authorities that AWS knows; no thumbprint is needed.
resource "aws_iam_openid_connect_provider" "github" {
  count          = var.repository != "" && var.oidc_provider_arn == null ? 1 : 0
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

module "delivery" {
  source   = "../modules/delivery"
  for_each = var.repository == "" ? [] : var.environments

  name              = "${var.project}-${each.key}"
  environment       = each.key
  repository        = var.repository
  oidc_provider_arn = var.oidc_provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.oidc_provider_arn
  ci_user           = var.ci_user

  state = {
    bucket_arn  = module.state.arn
    key         = "${var.project}-${each.key}/terraform.tfstate"
    kms_key_arn = aws_kms_key.state.arn
  }
}
