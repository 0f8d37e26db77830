variable "project_id" {
  description = "Project that the interfaces are switched on in."
  type        = string
}
