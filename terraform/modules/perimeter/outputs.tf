output "name" {
  description = "Full name of the perimeter."
  value       = google_access_context_manager_service_perimeter.this.name
}

output "enforced" {
  description = "Whether it refuses, or only logs what it would."
  value       = var.enforced
}
