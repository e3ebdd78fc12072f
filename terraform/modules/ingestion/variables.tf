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
  description = "Settings of the bucket (see modules/bucket)."
  type = object({
    name             = string
    tls_only         = bool
    write_once       = bool
    noncurrent_days  = number
    object_lock_days = number
    force_destroy    = bool
  })
}

variable "schedule" {
  description = "How often the source is captured, as EventBridge Scheduler writes it."
  type        = string
}

variable "schedule_enabled" {
  description = "False: nothing is captured until it is true."
  type        = bool
}

variable "full_compare_schedule" {
  description = "When every row is compared by content, as EventBridge Scheduler writes it. Empty: never by schedule."
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

variable "source_exclude" {
  description = "Tables that are left out."
  type        = list(string)
}

variable "secret_recovery_days" {
  description = "Days during which a deleted secret can be had back. 0: gone at once."
  type        = number
}
