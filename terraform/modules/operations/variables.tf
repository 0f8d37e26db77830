variable "project_id" {
  description = "Project of the jobs."
  type        = string
}

variable "region" {
  description = "Region of the jobs."
  type        = string
}

variable "name" {
  description = "First part of their names."
  type        = string
}

variable "labels" {
  description = "Labels of the jobs."
  type        = map(string)
}

variable "kms_key" {
  description = "Key that encrypts what a job writes beside its image."
  type        = string
}

variable "protect" {
  description = "Whether jobs refuse to be deleted."
  type        = bool
}

variable "image" {
  description = "The image, by digest; null: there is none yet, and no job that would run it."
  type        = string
}

variable "operators" {
  description = "Groups that start the replay with arguments of their own, as IAM members."
  type        = set(string)
}

variable "replayer" {
  description = "Whom the job that reads dead letters runs as."
  type        = string
}

variable "scheduler" {
  description = "Who starts jobs on time: account and IAM member."
  type        = object({ email = string, member = string })
}

variable "network" {
  description = "The network that jobs are in."
  type        = string
}

variable "subnetwork" {
  description = "The subnetwork that jobs are in."
  type        = string
}

variable "signals_topic" {
  description = "Full name of the topic that heartbeats are published to."
  type        = string
}

variable "heartbeat" {
  description = "A heartbeat, as JSON."
  type        = string
}
