variable "project_id" {
  description = "Project that holds the network."
  type        = string
}

variable "region" {
  description = "Region of the workers' subnetwork."
  type        = string
}

variable "name" {
  description = "Name of the network, and first part of what is in it."
  type        = string
}

variable "labels" {
  description = "Labels of what can have them."
  type        = map(string)
}

variable "cidr" {
  description = "Private addresses of the workers."
  type        = string
}

variable "builds_cidr" {
  description = "Private addresses of the build machines."
  type        = string
}
