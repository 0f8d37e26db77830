output "dead_letters_job" {
  description = "Name of the Cloud Run job that lists and replays dead letters."
  value       = google_cloud_run_v2_job.dead_letters.name
}
