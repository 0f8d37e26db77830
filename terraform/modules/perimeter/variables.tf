variable "access_policy" {
  description = "Number of the organisation's access policy."
  type        = string
}

variable "project_number" {
  description = "Number of the project inside."
  type        = string
}

variable "name" {
  description = "Name of the perimeter."
  type        = string
}

variable "enforced" {
  description = "Whether it refuses; if not, it only logs what it would refuse."
  type        = bool
}

variable "services" {
  description = "Services that answer only inside."
  type        = set(string)
}

variable "access_levels" {
  description = "Access levels that let people in from outside, e.g. from the bank's own network."
  type        = set(string)
}
