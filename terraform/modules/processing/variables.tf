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

variable "ingestion" {
  description = "The ingestion bucket."
  type = object({
    name = string
    arn  = string
  })
}

variable "bucket" {
  description = "Settings of the processed bucket (see modules/bucket)."
  type = object({
    name             = string
    tls_only         = bool
    write_once       = bool
    noncurrent_days  = number
    object_lock_days = number
    force_destroy    = bool
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

variable "catalog_tables" {
  description = "Delta tables to show in Glue and Athena: name -> directory in the processed bucket. `terraform/catalog` prints them."
  type        = map(string)
}

variable "athena_scan_limit_bytes" {
  description = "A query that would read more than this is ended."
  type        = number
}

variable "results_bucket_name" {
  description = "Name of the bucket for Athena's answers."
  type        = string
}
