variable "name" {
  description = "Name of the queue; the dead-letter queue's ends in -dead."
  type        = string
}

variable "bucket" {
  description = "Bucket whose new batch records are the messages."
  type        = string
}

variable "function_arn" {
  description = "Function that takes the messages."
  type        = string
}

variable "function_timeout" {
  description = "Seconds after which that function is ended."
  type        = number
}

variable "maximum_concurrency" {
  description = "Copies of the function that the queue may start. Two at once are harmless; Lambda allows no less than 2."
  type        = number
  default     = 2
}

variable "tls_only" {
  description = "Refuse plain HTTP. Off only against a local server that speaks nothing else."
  type        = bool
  default     = true
}
