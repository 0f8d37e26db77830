variable "project_id" {
  description = "Project of the job."
  type        = string
}

variable "region" {
  description = "Region of the job."
  type        = string
}

variable "name" {
  description = "Name of the job; an update goes by it."
  type        = string
}

variable "labels" {
  description = "Labels of the job."
  type        = map(string)
}

variable "spec_path" {
  description = "Container spec of the release; its path names the release, so that another release is an update."
  type        = string
}

variable "image" {
  description = "Image of the workers, by digest."
  type        = string
}

variable "parameters" {
  description = "Flags of the pipeline."
  type        = map(string)
}

variable "service_account" {
  description = "Whom the job runs as."
  type        = string
}

variable "subnetwork" {
  description = "Where workers are."
  type        = string
}

variable "worker_tag" {
  description = "Network tag of the workers."
  type        = string
}

variable "kms_key" {
  description = "Key that encrypts state and disks."
  type        = string
}

variable "staging" {
  description = "Bucket for what is staged, as gs://."
  type        = string
}

variable "machine_type" {
  description = "Kind of worker."
  type        = string
}

variable "max_workers" {
  description = "Most workers at a time: the hard limit of what it costs."
  type        = number
}
