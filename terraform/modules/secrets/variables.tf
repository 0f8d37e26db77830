variable "project_id" {
  description = "Project of the secrets."
  type        = string
}

variable "region" {
  description = "The only region that secrets are kept in."
  type        = string
}

variable "name" {
  description = "First part of their names."
  type        = string
}

variable "labels" {
  description = "Labels of the secrets."
  type        = map(string)
}

variable "kms_key" {
  description = "Key that encrypts them."
  type        = string
}

variable "protect" {
  description = "Whether secrets refuse to be deleted."
  type        = bool
}

variable "secrets" {
  description = "The secrets by name: what for, who reads them, as IAM members, by any name, and which groups add values without reading them."
  type = map(object({
    purpose = string
    readers = map(string)
    adders  = set(string)
  }))
}
