output "agents" {
  description = "Google's own service agents in the project, as IAM members, by service."
  value = merge(
    { for api, agent in google_project_service_identity.agent : split(".", api)[0] => agent.member },
    {
      bigquery = data.google_bigquery_default_service_account.agent.member
      compute  = "serviceAccount:service-${data.google_project.this.number}@compute-system.iam.gserviceaccount.com"
      logging  = "serviceAccount:${data.google_logging_project_cmek_settings.agent.service_account_id}"
      storage  = data.google_storage_project_service_account.agent.member
    },
  )
}

output "project_number" {
  description = "Number of the project."
  value       = data.google_project.this.number
}

output "restricted" {
  description = "Interfaces that hold or move data, for a service perimeter."
  value = setsubtract(local.apis, [
    "billingbudgets.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "iam.googleapis.com",
    "servicenetworking.googleapis.com",
  ])
}
