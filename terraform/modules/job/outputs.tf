output "job_id" {
  description = "The job."
  value       = google_dataflow_flex_template_job.this.job_id
}
