variable "name" {
  description = "Beginning of all names: project and environment."
  type        = string
}

variable "functions" {
  description = "What all functions share: `common` of modules/function, their `zips` and the `environment` that all of them get."
  type        = any # modules/function says what is in it
}

variable "bucket" {
  description = "Name and settings of the site bucket: `settings` of modules/bucket."
  type        = any # modules/bucket says what is in it
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
  description = "Memory, time-out, /tmp and reserved concurrency of the function."
  type        = any # modules/function says what is in it
}

variable "network" {
  description = "Where the function runs. Null: outside every VPC."
  type        = any # modules/function says what is in it
  default     = null
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
