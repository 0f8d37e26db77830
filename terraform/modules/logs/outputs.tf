output "bucket" {
  description = "Full name of the bucket of logs that are kept."
  value       = google_logging_project_bucket_config.kept.id
}
