variable "project" {
  description = "Beginning of every name."
  type        = string
  default     = "tote"
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-2"
}

variable "environments" {
  description = "Deployments that GitHub may plan and apply."
  type        = set(string)
  default     = ["dev", "prod"]
}

variable "repository" {
  description = "owner/name on GitHub whose workflows deploy. Empty: nobody deploys by GitHub."
  type        = string
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider where the account has one already (there can be only one). Null: it is made."
  type        = string
  default     = null
}

variable "ci_user" {
  description = "Also make an IAM user for each environment, for CI without OIDC."
  type        = bool
  default     = false
}

variable "tls_only" {
  description = "Refuse plain HTTP at the bucket. Off only against a local server that speaks nothing else."
  type        = bool
  default     = true
}
