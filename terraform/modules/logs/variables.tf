variable "project_id" {
  description = "Project of the logs."
  type        = string
}

variable "region" {
  description = "Where they are kept."
  type        = string
}

variable "name" {
  description = "First part of the names."
  type        = string
}

variable "kms_key" {
  description = "Key that encrypts them."
  type        = string
}

variable "retention_days" {
  description = "How long they are kept."
  type        = number
}

variable "deletion_policy" {
  description = "PREVENT or DELETE: whether an apply may delete the bucket."
  type        = string
}

variable "locked" {
  description = "Whether nobody can shorten that any more. It cannot be taken back."
  type        = bool
}
