output "topics" {
  description = "Full names of the topics, by name."
  value       = module.messaging.topics
}

output "subscriptions" {
  description = "Full names of the subscriptions, by name."
  value       = module.messaging.subscriptions
}

output "datasets" {
  description = "Datasets as PROJECT.DATASET: records, shadow, analytics."
  value = {
    records   = "${var.project_id}.${module.records.dataset_id}"
    shadow    = "${var.project_id}.${module.shadow.dataset_id}"
    analytics = "${var.project_id}.${module.analytics.dataset_id}"
  }
}

output "tables" {
  description = "Tables as PROJECT.DATASET.TABLE, by name."
  value       = module.records.tables
}

output "accounts" {
  description = "E-mail addresses of the service accounts, by job role."
  value       = module.identities.emails
}

output "buckets" {
  description = "The buckets as gs:// addresses, by purpose: dataflow, plans, releases."
  value       = module.buckets.urls
}

output "images" {
  description = "Where images are pushed to."
  value       = module.registry.images
}

output "subnetwork" {
  description = "Where workers are, as a job's options name it."
  value       = module.network.subnetwork
}

output "keys" {
  description = "Full names of the keys, by service."
  value       = module.keys.ids
}

output "signing_key" {
  description = "Full name of the key that signs plans."
  value       = module.keys.signing_key
}

output "signing_public_key" {
  description = "Its public half, as `--plan_keys` takes it."
  value       = module.keys.signing_public_key
}

output "secrets" {
  description = "Full names of the secrets, whose values operators add, by name."
  value       = module.secrets.ids
}

output "job_flags" {
  description = "What `nextbeam deploy` has to be told of this environment: one flag a line, for a file beside deploy/check.flags."
  value = join("\n", concat(
    [
      "--project=${var.project_id}",
      "--region=${var.region}",
      "--job_name=${local.jobs[var.generation]}",
      "--temp_location=${module.buckets.urls["dataflow"]}/temp",
      "--staging_location=${module.buckets.urls["dataflow"]}/staging",
      "--service_account_email=${module.identities.emails["worker"]}",
      "--dataflow_kms_key=${module.keys.ids["dataflow"]}",
      "--subnetwork=${module.network.subnetwork}",
      "--machine_type=${var.machine_type}",
      "--max_num_workers=${var.max_workers}",
      # Without it only disks are under our key, and the state of customers is not.
      "--experiments=enable_kms_on_streaming_engine",
    ],
    [for image in compact([var.image]) : "--sdk_container_image=${image}"],
    [for name, value in local.labels : "--labels=${name}=${value}"],
    [for name, value in local.parameters : "--${name}=${value}"],
  ))
}

output "build_pool" {
  description = "Full name of the private pool that builds."
  value       = module.builds.pool
}

output "dead_letters_job" {
  description = "Name of the Cloud Run job that lists and replays dead letters; null without an image."
  value       = module.operations.dead_letters_job
}

output "dashboard" {
  description = "The dashboard."
  value       = module.monitoring.dashboard
}

output "slos" {
  description = "Full names of the objectives that Cloud Monitoring keeps, by name."
  value       = module.monitoring.slos
}

output "job_id" {
  description = "The job, if Terraform manages it."
  value       = one(module.job[*].job_id)
}
