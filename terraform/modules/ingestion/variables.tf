variable "name" {
  description = "Beginning of all names: project and environment."
  type        = string
}

variable "functions" {
  description = "What all functions share: `common` of modules/function, their `zips` and the `environment` that all of them get."
  type        = any # modules/function says what is in it
}

variable "bucket" {
  description = "Name and settings of the ingestion bucket: `settings` of modules/bucket."
  type        = any # modules/bucket says what is in it
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
  description = "Memory, time-out, /tmp and reserved concurrency of the function."
  type        = any # modules/function says what is in it
}

variable "network" {
  description = "Where the function runs. Null: outside every VPC."
  type        = any # modules/function says what is in it
  default     = null
}

variable "source_exclude" {
  description = "Tables that are left out."
  type        = list(string)
}

variable "secret_recovery_days" {
  description = "Days during which a deleted secret can be had back. 0: gone at once."
  type        = number
}
