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

variable "source_dataset_id" {
  description = "Name of the dataset with the tables."
  type        = string
}

variable "labels" {
  description = "Labels of the dataset and its views."
  type        = map(string)
}

variable "kms_key" {
  description = "Key that encrypts what is written here."
  type        = string
}

variable "protect" {
  description = "Whether views refuse to be deleted."
  type        = bool
}

variable "views" {
  description = "Folder with the views' SQL."
  type        = string
}

variable "tables" {
  description = "The tables to show, by name; `partitioned_by` null: all rows."
  type = map(object({
    name           = string
    partitioned_by = optional(string)
    kept_days      = optional(number)
  }))
}

variable "decisions_resource" {
  description = "Full name of the table of decisions, for the data quality scan."
  type        = string
}

variable "readers" {
  description = "Who reads the views, as IAM members, by any name."
  type        = map(string)
}
