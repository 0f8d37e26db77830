output "pool" {
  description = "Full name of the private pool."
  value       = google_cloudbuild_worker_pool.this.id
}

output "triggers" {
  description = "Names of the triggers, and whether somebody has to approve their builds."
  value       = { for name in keys(local.triggers) : name => contains(local.approved, name) }
}
