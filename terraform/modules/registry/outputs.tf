output "images" {
  description = "Where images are pushed to."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "upstream" {
  description = "Names of the repositories that stand for public ones, by kind."
  value       = { for kind, repository in google_artifact_registry_repository.upstream : kind => repository.repository_id }
}
