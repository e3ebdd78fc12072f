variable "read" {
  description = "Buckets (ARNs) whose objects may be read."
  type        = list(string)
  default     = []
}

variable "read_records" {
  description = "Buckets (ARNs) of which only the batch records may be read."
  type        = list(string)
  default     = []
}

variable "write" {
  description = "Buckets (ARNs) that objects may be added to."
  type        = list(string)
  default     = []
}

variable "probe" {
  description = "Buckets (ARNs) in which doctor may put and take away a probe below _doctor/."
  type        = list(string)
  default     = []
}

variable "sweep" {
  description = "Buckets (ARNs) of a published page whose old documents may be removed."
  type        = list(string)
  default     = []
}

variable "queues" {
  description = "Queues (ARNs) to take messages from."
  type        = list(string)
  default     = []
}

variable "secrets" {
  description = "Secrets (ARNs) whose value may be read."
  type        = list(string)
  default     = []
}

variable "kms_key_arn" {
  description = "Key of the buckets and secrets."
  type        = string
}
