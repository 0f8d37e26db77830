output "pool" {
  description = "Full name of the private pool."
  value       = google_cloudbuild_worker_pool.this.id
}
