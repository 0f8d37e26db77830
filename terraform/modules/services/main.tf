locals {
  apis = toset([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerydatapolicy.googleapis.com",
    "bigquerystorage.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "containeranalysis.googleapis.com",
    "containerscanning.googleapis.com",
    "datacatalog.googleapis.com",
    "dataflow.googleapis.com",
    "dataplex.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "storage.googleapis.com",
  ])
  # Agents that come to be only when asked for; keys and topics are granted to them before anything uses them.
  agents = toset([
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudscheduler.googleapis.com",
    "dataflow.googleapis.com",
    "dataplex.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
  ])
}

resource "google_project_service" "api" {
  for_each = local.apis

  project = var.project_id
  service = each.value
  # Others in the project may use it, too.
  disable_on_destroy = false
}

resource "google_project_service_identity" "agent" {
  for_each = local.agents
  provider = google-beta

  project = var.project_id
  service = each.value

  depends_on = [google_project_service.api]
}

# These two agents come to be when they are asked for by name.
data "google_storage_project_service_account" "agent" {
  project    = var.project_id
  depends_on = [google_project_service.api]
}

data "google_bigquery_default_service_account" "agent" {
  project    = var.project_id
  depends_on = [google_project_service.api]
}

data "google_logging_project_cmek_settings" "agent" {
  project    = var.project_id
  depends_on = [google_project_service.api]
}

data "google_project" "this" {
  project_id = var.project_id
}
