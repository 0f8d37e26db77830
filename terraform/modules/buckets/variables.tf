variable "project_id" {
  description = "Project of the buckets."
  type        = string
}

variable "region" {
  description = "Location of the buckets."
  type        = string
}

variable "prefix" {
  description = "First part of their names, which nobody else in the world may use."
  type        = string
}

variable "labels" {
  description = "Labels of the buckets."
  type        = map(string)
}

variable "kms_key" {
  description = "Key that encrypts objects."
  type        = string
}

variable "protect" {
  description = "Whether buckets with objects in them refuse to be deleted."
  type        = bool
}

variable "log_days" {
  description = "How long access logs are kept."
  type        = number
}

variable "artefact_days" {
  description = "How long old versions of plans and releases are kept at least."
  type        = number
}

variable "grants" {
  description = "Who may do what in which bucket (dataflow, plans or releases), by any name; `under` a folder, or null: anywhere."
  type = map(object({
    bucket = string
    role   = string
    member = string
    under  = optional(string)
  }))
}
