variable "name" {
  description = "Name of the bucket, unique in the whole of S3."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the objects. Null: S3's own (SSE-S3)."
  type        = string
  default     = null
}

variable "overwritable" {
  description = "Key patterns that may be written without If-None-Match: hints and pointers that hold nothing of their own."
  type        = list(string)
  default     = []
}

variable "write_once" {
  description = "Refuse every write without If-None-Match, but for the keys in `overwritable`."
  type        = bool
  default     = true
}

variable "tls_only" {
  description = "Refuse plain HTTP. Off only against a local server that speaks nothing else."
  type        = bool
  default     = true
}

variable "noncurrent_days" {
  description = "Days after which a version that was deleted or replaced goes for good. Current objects never expire."
  type        = number
  default     = 90
}

variable "expire_days" {
  description = "Days after which objects go. 0: never, as it must be for everything that holds data of its own."
  type        = number
  default     = 0
}

variable "object_lock_days" {
  description = "Days during which nobody can delete a version (governance mode). 0: no object lock. Only when the bucket is made."
  type        = number
  default     = 0
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete a bucket that holds objects."
  type        = bool
  default     = false
}

variable "more_policy" {
  description = "Further statements of the bucket policy, as JSON documents."
  type        = list(string)
  default     = []
}
