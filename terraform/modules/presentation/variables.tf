variable "name" {
  description = "Beginning of all names: project and environment."
  type        = string
}

variable "functions" {
  description = "What all functions share (see modules/function), with the environment that all of them get."
  type = object({
    architecture             = string
    log_retention_days       = number
    kms_key_arn              = string
    permissions_boundary_arn = optional(string)
    environment              = map(string)
    zips                     = map(string)
  })
}

variable "bucket" {
  description = "Settings of the site bucket (see modules/bucket)."
  type = object({
    name            = string
    tls_only        = bool
    write_once      = bool
    noncurrent_days = number
    force_destroy   = bool
  })
}

variable "lake" {
  description = "ARNs of the ingestion and processed buckets, whose records the page shows."
  type        = list(string)
}

variable "warehouse" {
  description = "The warehouse that the page is made from: its secret, its environment."
  type = object({
    secret_arn  = string
    environment = map(string)
  })
}

variable "size" {
  description = "Memory, time-out, /tmp and reserved concurrency of the function (see modules/function)."
  type = object({
    memory   = number
    timeout  = number
    tmp      = optional(number, 512)
    reserved = optional(number, -1)
  })
}

variable "network" {
  description = "Where the function runs (see modules/function)."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "cloudfront" {
  description = "Show the site to the world through CloudFront, behind the gate below."
  type        = bool
}

variable "gate" {
  description = <<-END
    Who may see the page: addresses (IPv4 or IPv6, exact) that may see it without a password, and SHA-256 sums (hex) of
    `user:password`. Both empty: nobody.
  END
  type = object({
    addresses = optional(list(string), [])
    passwords = optional(list(string), [])
  })
  sensitive = true
}

variable "domain" {
  description = "Name of the site and ARN of its certificate in us-east-1. Null: CloudFront's own name."
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null
}
