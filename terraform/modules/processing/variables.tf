variable "name" {
  description = "Beginning of all names: project and environment."
  type        = string
}

variable "functions" {
  description = "What all functions share: `common` of modules/function, their `zips` and the `environment` that all of them get."
  type        = any # modules/function says what is in it
}

variable "ingestion" {
  description = "The ingestion bucket."
  type = object({
    name = string
    arn  = string
  })
}

variable "bucket" {
  description = "Name and settings of the processed bucket: `settings` of modules/bucket."
  type        = any # modules/bucket says what is in it
}

variable "size" {
  description = "Memory, time-out, /tmp and reserved concurrency of the function."
  type        = any # modules/function says what is in it
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
