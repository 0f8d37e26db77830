# Off by default: Cloud Build launches and updates the job. Terraform would start one that has ended again with the next
# apply, whoever drained it, and an apply would wait for the drain.
resource "google_dataflow_flex_template_job" "this" {
  provider = google-beta

  project                 = var.project_id
  region                  = var.region
  name                    = var.name
  container_spec_gcs_path = var.spec_path
  parameters              = var.parameters
  labels                  = var.labels

  service_account_email = var.service_account
  subnetwork            = var.subnetwork
  ip_configuration      = "WORKER_IP_PRIVATE"
  kms_key_name          = var.kms_key
  sdk_container_image   = var.image
  temp_location         = "${var.staging}/temp"
  staging_location      = "${var.staging}/staging"

  machine_type                 = var.machine_type
  launcher_machine_type        = var.machine_type
  num_workers                  = 1
  max_workers                  = var.max_workers
  autoscaling_algorithm        = "THROUGHPUT_BASED"
  enable_streaming_engine      = true
  additional_experiments       = ["create_or_update_job", "enable_kms_on_streaming_engine", "use_network_tags=${var.worker_tag}", "use_network_tags_for_flex_templates=${var.worker_tag}"]
  on_delete                    = "drain"
  skip_wait_on_job_termination = false
}
