variable "name" {
  description = "Beginning of all names: project and environment."
  type        = string
}

variable "functions" {
  description = "What all functions share: `common` of modules/function, their `zips` and the `environment` that all of them get."
  type        = any # modules/function says what is in it
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
  description = "Memory, time-out, /tmp and reserved concurrency of the function."
  type        = any # modules/function says what is in it
}

variable "network" {
  description = "Where the function runs. Null: outside every VPC."
  type        = any # modules/function says what is in it
  default     = null
}

variable "secret_recovery_days" {
  description = "Days during which a deleted secret can be had back. 0: gone at once."
  type        = number
}

variable "database" {
  description = "The RDS instance to make. Null: bring your own PostgreSQL and put its URL into the secret."
  type        = any # the deployment's variable of this name says what is in it
  default     = null
}

variable "database_network" {
  description = "Where that instance runs, and the security group of those who may reach it."
  type = object({
    vpc_id          = string
    subnet_ids      = list(string)
    client_group_id = string
  })
  default = null
}
