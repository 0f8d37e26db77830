output "dead_letters_job" {
  description = "Name of the Cloud Run job that lists and replays dead letters; null without an image."
  value       = one(google_cloud_run_v2_job.dead_letters[*].name)
}
