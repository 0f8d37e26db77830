variable "project_id" {
  description = "Project of the topics."
  type        = string
}

variable "region" {
  description = "The only region that messages are kept in, and pass through."
  type        = string
}

variable "labels" {
  description = "Labels of topics and subscriptions."
  type        = map(string)
}

variable "kms_key" {
  description = "Key that encrypts messages."
  type        = string
}

variable "contracts" {
  description = "Folder with the derived .proto files."
  type        = string
}

variable "generations" {
  description = "Generations of the job, each with subscriptions of its own: suffixes of their names, empty for the first."
  type        = list(string)
}

variable "next_generation" {
  description = "The one of generations that learns from retained messages; null: none."
  type        = string
}

variable "retention_days" {
  description = "How long signals and outcomes can be played again."
  type        = number
}

variable "deletion_policy" {
  description = "PREVENT or DELETE: whether an apply may delete topics."
  type        = string
}

variable "archive_table" {
  description = "Table that dead letters are archived in, as PROJECT.DATASET.TABLE; ready to be written."
  type        = string
}

variable "pubsub_agent" {
  description = "Pub/Sub's own agent, as an IAM member."
  type        = string
}

variable "scheduler_agent" {
  description = "Cloud Scheduler's own agent, as an IAM member."
  type        = string
}

variable "members" {
  description = "Service accounts as IAM members, by job role."
  type        = map(string)
}
