variable "project_id" {
  description = "Project of the dataset."
  type        = string
}

variable "region" {
  description = "Location of the dataset."
  type        = string
}

variable "dataset_id" {
  description = "Name of the dataset."
  type        = string
}

variable "description" {
  description = "What is in it."
  type        = string
}

variable "labels" {
  description = "Labels of the dataset and its tables."
  type        = map(string)
}

variable "kms_key" {
  description = "Key that encrypts the tables."
  type        = string
}

variable "protect" {
  description = "Whether tables refuse to be deleted."
  type        = bool
}

variable "tables" {
  description = <<-EOT
    The tables by name. `columns` is a file with BigQuery's columns; `partitioned_by` is a column, null: the day of
    arrival; `filter_required`: queries have to name days; `writers` append rows, by any name.
  EOT
  type = map(object({
    description     = string
    columns         = string
    partitioned     = optional(bool, true)
    partitioned_by  = optional(string)
    filter_required = optional(bool, true)
    clustered_by    = list(string)
    kept_days       = optional(number)
    writers         = optional(map(string), {})
  }))
}

variable "personal" {
  description = "For each table, the paths of columns with personal data and which kind it is."
  type        = map(map(string))
}

variable "policy_tags" {
  description = "Policy tags, by kind of personal data."
  type        = map(string)
}

variable "row_writer" {
  description = "The custom role that appends rows."
  type        = string
}

variable "row_eraser" {
  description = "The custom role that deletes rows."
  type        = string
}

variable "erasers" {
  description = "Who deletes rows of all tables, as IAM members."
  type        = set(string)
}

variable "readers" {
  description = "Who reads all tables, columns with policy tags apart, as IAM members, by any name."
  type        = map(string)
}

variable "brand_readers" {
  description = "For each brand, who sees its rows only; empty: no policy on rows."
  type        = map(string)
  default     = {}
}

variable "all_brand_readers" {
  description = "Who sees the rows of all brands, where there are policies on rows."
  type        = list(string)
  default     = []
}
