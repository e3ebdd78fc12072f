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

variable "ingestion_arn" {
  description = "ARN of the ingestion bucket, which doctor looks at."
  type        = string
}

variable "processed" {
  description = "The processed bucket."
  type = object({
    name = string
    arn  = string
  })
}

variable "site" {
  description = "The site bucket that the load function publishes to after each batch. Null: nothing is published."
  type = object({
    name = string
    arn  = string
  })
  default = null
}

variable "tls_only" {
  description = "Refuse plain HTTP at the queue. Off only against a local server that speaks nothing else."
  type        = bool
}

variable "schema" {
  description = "Schema of the warehouse's tables. Empty: public."
  type        = string
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

variable "secret_recovery_days" {
  description = "Days during which a deleted secret can be had back. 0: gone at once."
  type        = number
}

variable "database" {
  description = "The RDS instance to make. Null: bring your own PostgreSQL and put its URL into the secret."
  type = object({
    vpc_id              = string
    subnet_ids          = list(string)
    client_group_id     = string
    instance_class      = optional(string, "db.t4g.micro")
    engine_version      = optional(string, "16")
    storage_gb          = optional(number, 20)
    storage_max_gb      = optional(number, 100)
    multi_az            = optional(bool, false)
    backup_days         = optional(number, 7)
    deletion_protection = optional(bool, true)
    final_snapshot      = optional(bool, true)
  })
  default = null
}
