variable "project_id" {
  description = "Project of the repositories."
  type        = string
}

variable "region" {
  description = "Location of the repositories."
  type        = string
}

variable "name" {
  description = "First part of their names."
  type        = string
}

variable "labels" {
  description = "Labels of the repositories."
  type        = map(string)
}

variable "kms_key" {
  description = "Key that encrypts what they hold."
  type        = string
}

variable "readers" {
  description = "Who pulls images, as IAM members, by any name."
  type        = map(string)
}

variable "writers" {
  description = "Who pushes images, as IAM members, by any name."
  type        = map(string)
}

variable "installers" {
  description = "Who installs from upstream, as IAM members, by any name."
  type        = map(string)
}
