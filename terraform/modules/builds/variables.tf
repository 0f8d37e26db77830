variable "project_id" {
  description = "Project of the builds."
  type        = string
}

variable "region" {
  description = "Region of the builds."
  type        = string
}

variable "name" {
  description = "Name of the pool, and first part of those of the triggers."
  type        = string
}

variable "network" {
  description = "The network, peered with that of the build machines."
  type        = string
}

variable "machine_type" {
  description = "Kind of build machine."
  type        = string
  default     = "e2-standard-8"
}

variable "repository" {
  description = "Full name of the connected repository; null: no triggers."
  type        = string
}

variable "branch" {
  description = "The main branch."
  type        = string
  default     = "main"
}

variable "repository_kind" {
  description = "Whose repository it is, as Cloud Build calls it."
  type        = string
}

variable "files" {
  description = "The build's description in the repository, by trigger."
  type        = map(string)
}

variable "accounts" {
  description = "Full names of the service accounts that builds run as; infrastructure null: a person applies Terraform."
  type        = object({ checks = string, ci = string, launcher = string, infrastructure = string })
}

variable "approval" {
  description = "Whether somebody has to approve what changes infrastructure or the job."
  type        = bool
}

variable "substitutions" {
  description = "What builds are told of the project."
  type        = map(string)
}
