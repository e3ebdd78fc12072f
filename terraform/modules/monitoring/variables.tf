variable "name" {
  description = "Beginning of all names: project and environment."
  type        = string
}

variable "environment" {
  description = "Value of the dimension `environment` of the program's metrics."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the topic."
  type        = string
}

variable "emails" {
  description = "Who is told. Each address must confirm the e-mail that AWS sends."
  type        = list(string)
}

variable "functions" {
  description = "Functions to watch, by step: name, log group, time-out in seconds."
  type = map(object({
    name      = string
    log_group = string
    timeout   = number
  }))
}

variable "queues" {
  description = "Queues to watch, by step: name and name of the dead-letter queue."
  type = map(object({
    name      = string
    dead_name = string
  }))
}

variable "freshness_minutes" {
  description = "How old the newest snapshot may be in each step, and for how long a step may say nothing."
  type        = number
}

variable "queue_age_minutes" {
  description = "How long a message may wait."
  type        = number
}

variable "database" {
  description = "RDS instance to watch. Null: none."
  type        = string
  default     = null
}

variable "log_queries" {
  description = "Keep ready-made questions to the logs (CloudWatch Logs Insights)."
  type        = bool
}

variable "budget" {
  description = "Monthly limit in US dollars; an e-mail at 80 % and when the forecast exceeds it. 0: no budget."
  type        = number
}
