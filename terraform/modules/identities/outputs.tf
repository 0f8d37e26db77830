output "emails" {
  description = "E-mail addresses of the service accounts, by job role."
  value       = { for name, account in google_service_account.this : name => account.email }
}

output "members" {
  description = "The service accounts as IAM members, by job role."
  value       = { for name, account in google_service_account.this : name => account.member }
}

output "ids" {
  description = "Full names of the service accounts, by job role."
  value       = { for name, account in google_service_account.this : name => account.name }
}

output "row_writer" {
  description = "The custom role that appends rows to a table."
  value       = google_project_iam_custom_role.this["rows"].id
}

output "row_eraser" {
  description = "The custom role that deletes rows of tables."
  value       = google_project_iam_custom_role.this["erasure"].id
}
