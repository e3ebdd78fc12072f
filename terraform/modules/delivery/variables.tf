variable "name" {
  description = "Beginning of all names of the deployment: project and environment."
  type        = string
}

variable "environment" {
  description = "Environment of GitHub whose approval the apply role wants."
  type        = string
}

variable "repository" {
  description = "owner/name on GitHub."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.repository))
    error_message = "The repository is written owner/name."
  }
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider in this account."
  type        = string
}

variable "state" {
  description = "Where the state lies: bucket and key, and the KMS key that encrypts it."
  type = object({
    bucket_arn  = string
    key         = string
    kms_key_arn = string
  })
}

variable "ci_user" {
  description = "Also make an IAM user with the rights of the apply role, for CI without OIDC."
  type        = bool
  default     = false
}
