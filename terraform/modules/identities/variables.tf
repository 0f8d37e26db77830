variable "project_id" {
  description = "Project of the identities."
  type        = string
}

variable "name" {
  description = "First part of the names of accounts and roles."
  type        = string
}

variable "analysts" {
  description = "Groups that query the analytics dataset, as IAM members."
  type        = set(string)
}

variable "operators" {
  description = "Groups that watch and drain the job and approve builds, as IAM members."
  type        = set(string)
}

variable "erasers" {
  description = "Groups that delete rows of customers, as IAM members."
  type        = set(string)
}

variable "impersonators" {
  description = "Which groups act as which service account, by short-lived tokens, as lists of IAM members by job role."
  type        = map(set(string))
}

variable "audited" {
  description = "Services whose reads and writes of data are logged."
  type        = set(string)
}

variable "break_glass" {
  description = "The one principal set that deny rules do not bind, e.g. principalSet://goog/group/NAME; null: no deny rules."
  type        = string
}
