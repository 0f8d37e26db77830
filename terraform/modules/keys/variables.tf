variable "project_id" {
  description = "Project that holds the key ring."
  type        = string
}

variable "region" {
  description = "Location of the key ring; what it encrypts must be there, too."
  type        = string
}

variable "name" {
  description = "Name of the key ring."
  type        = string
}

variable "labels" {
  description = "Labels of the keys."
  type        = map(string)
}

variable "deletion_policy" {
  description = "PREVENT or DELETE: whether an apply may delete keys."
  type        = string
}

variable "rotation_days" {
  description = "Days after which a new version of a key encrypts what is new."
  type        = number
}

variable "users" {
  description = "For each key, the services (keys of `agents`) that encrypt with it. Never a worker: services encrypt for it."
  type        = map(set(string))
}

variable "agents" {
  description = "Service agents, as IAM members, by service."
  type        = map(string)
}

variable "signers" {
  description = "Who signs plans and models, by any name."
  type        = map(string)
}
