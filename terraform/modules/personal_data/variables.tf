variable "project_id" {
  description = "Project of the taxonomy."
  type        = string
}

variable "region" {
  description = "Location of the taxonomy: that of the tables."
  type        = string
}

variable "name" {
  description = "First part of the names."
  type        = string
}

variable "masked_readers" {
  description = "Who sees masked values, as IAM members, by any name."
  type        = map(string)
}

variable "clear_readers" {
  description = "Who sees the values themselves, as IAM members, by any name."
  type        = map(string)
}
