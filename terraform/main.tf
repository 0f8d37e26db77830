# What lasts: Terraform owns it. Jobs, images and plans come and go; Cloud Build and people put them in place.

module "services" {
  source = "./modules/services"

  project_id = var.project_id
}

module "identities" {
  source = "./modules/identities"

  project_id = var.project_id
  name       = local.name
  analysts   = setunion(var.analysts, var.data_stewards)
  operators  = var.operators
  erasers    = var.erasers
  audited    = var.audited_services
  impersonators = {
    launcher        = var.releasers
    model-publisher = var.decision_managers
    replayer        = var.operators
  }
  break_glass = var.break_glass

  depends_on = [module.services]
}

module "keys" {
  source = "./modules/keys"

  project_id      = var.project_id
  region          = var.region
  name            = local.name
  labels          = local.labels
  deletion_policy = local.deletion_policy
  rotation_days   = var.key_rotation_days
  users           = local.keys
  agents          = module.services.agents
  # Jobs are told the public half by flags, from this configuration's outputs; who signs looks it up.
  signers = { model-publisher = module.identities.members["model-publisher"] }
}

module "network" {
  source = "./modules/network"

  project_id  = var.project_id
  region      = var.region
  name        = local.name
  labels      = local.labels
  cidr        = var.workers_cidr
  builds_cidr = var.builds_cidr

  depends_on = [module.services]
}

# --- records

module "personal_data" {
  source = "./modules/personal_data"

  project_id = var.project_id
  region     = var.region
  name       = local.name
  masked_readers = merge(
    { for group in var.analysts : group => group },
    {
      # It compares a candidate with the job that runs: who was meant is no matter.
      launcher = module.identities.members["launcher"]
      # Contacts are counted by customer and household: hashes of one value are alike.
      scan = module.services.agents["dataplex"]
    },
  )
  clear_readers = merge(
    { for group in setunion(var.data_stewards, var.erasers) : group => group },
    # It publishes payloads again, and so has to read them.
    { replayer = module.identities.members["replayer"] },
  )

  depends_on = [module.services]
}

module "records" {
  source = "./modules/dataset"

  project_id  = var.project_id
  region      = var.region
  dataset_id  = local.dataset
  description = "Decisions, feedback, sessions and dead letters, as the job writes them."
  labels      = local.labels
  kms_key     = module.keys.ids["bigquery"]
  protect     = local.protect
  personal    = local.personal
  policy_tags = module.personal_data.tags
  row_writer  = module.identities.row_writer

  tables = merge(
    {
      for name, table in local.tables : name => merge(table, {
        kept_days = name == "dead_letters" ? var.retention_days.dead_letters : var.retention_days.decisions
        writers   = { for account in ["replayer", "worker"] : account => module.identities.members[account] }
      })
    },
    {
      dead_letter_archive = {
        description    = "Dead letters as they were published, even when the job could not write its own."
        columns        = "${path.root}/tables/dead_letter_archive.json"
        partitioned_by = "publish_time"
        clustered_by   = ["message_id"]
        kept_days      = var.retention_days.dead_letters
        writers        = { pubsub = module.services.agents["pubsub"] }
      }
      # One row for each limit of each plan: too few for partitions, and asked for by plan.
      plan_limits = {
        description  = "What each plan promises: its contact limits."
        columns      = "${path.root}/tables/plan_limits.json"
        partitioned  = false
        clustered_by = ["plan_digest"]
        # `nextbeam plan limits`, before the plan itself is published; said again, it adds nothing.
        writers = { model-publisher = module.identities.members["model-publisher"] }
      }
    },
  )

  readers           = { replayer = module.identities.members["replayer"] }
  row_eraser        = module.identities.row_eraser
  erasers           = var.erasers
  brand_readers     = var.brand_readers
  all_brand_readers = concat([module.services.agents["dataplex"]], [for account in ["launcher", "replayer"] : module.identities.members[account]], tolist(setunion(var.data_stewards, var.erasers)))
}

module "shadow" {
  source = "./modules/dataset"

  project_id  = var.project_id
  region      = var.region
  dataset_id  = local.shadow_dataset
  description = "What a candidate release decided beside the one that runs; nobody acted on it."
  labels      = local.labels
  kms_key     = module.keys.ids["bigquery"]
  protect     = local.protect
  personal    = local.personal
  policy_tags = module.personal_data.tags
  row_writer  = module.identities.row_writer

  tables = {
    for name, table in local.tables : name => merge(table, {
      kept_days = var.retention_days.shadow
      writers   = { worker = module.identities.members["worker"] }
    })
  }

  row_eraser = module.identities.row_eraser
  erasers    = var.erasers

  # It compares the two before it asks for approval.
  readers = { launcher = module.identities.members["launcher"] }
}

module "analytics" {
  source = "./modules/analytics"

  project_id        = var.project_id
  region            = var.region
  dataset_id        = local.analytics_dataset
  source_dataset_id = module.records.dataset_id
  labels            = local.labels
  kms_key           = module.keys.ids["bigquery"]
  protect           = local.protect
  views             = local.views

  tables = merge(
    {
      for name, table in local.tables : name => {
        name           = module.records.tables[name]
        partitioned_by = table.partitioned_by
        kept_days      = table.partitioned_by == null ? null : var.retention_days.decisions
      }
    },
    { plan_limits = { name = module.records.tables["plan_limits"] } },
  )

  decisions_resource = module.records.resources["decisions"]
  readers = merge(
    { for group in setunion(var.analysts, var.data_stewards) : group => group },
    { scan = module.services.agents["dataplex"], launcher = module.identities.members["launcher"] },
  )
}

# --- messages

module "messaging" {
  source = "./modules/messaging"

  project_id      = var.project_id
  region          = var.region
  labels          = local.labels
  kms_key         = module.keys.ids["pubsub"]
  contracts       = local.contracts
  generations     = keys(local.jobs)
  next_generation = var.next_generation
  retention_days  = var.retention_days.messages
  deletion_policy = local.deletion_policy
  archive_table   = module.records.tables["dead_letter_archive"]
  pubsub_agent    = module.services.agents["pubsub"]
  scheduler_agent = module.services.agents["cloudscheduler"]
  members         = module.identities.members
}

# --- what is deployed, and with what

module "buckets" {
  source = "./modules/buckets"

  project_id    = var.project_id
  region        = var.region
  prefix        = var.project_id
  labels        = local.labels
  kms_key       = module.keys.ids["storage"]
  protect       = local.protect
  log_days      = var.retention_days.logs
  artefact_days = var.retention_days.decisions

  grants = {
    job-stages    = { bucket = "dataflow", role = "roles/storage.objectUser", member = module.identities.members["worker"] }
    launch-stages = { bucket = "dataflow", role = "roles/storage.objectUser", member = module.identities.members["launcher"] }
    job-reads     = { bucket = "plans", role = "roles/storage.objectViewer", member = module.identities.members["worker"] }
    launch-reads  = { bucket = "plans", role = "roles/storage.objectViewer", member = module.identities.members["launcher"] }
    replay-reads  = { bucket = "plans", role = "roles/storage.objectViewer", member = module.identities.members["replayer"] }
    publishes     = { bucket = "plans", role = "roles/storage.objectUser", member = module.identities.members["model-publisher"] }
    launches      = { bucket = "releases", role = "roles/storage.objectUser", member = module.identities.members["launcher"] }
    job-launched  = { bucket = "releases", role = "roles/storage.objectViewer", member = module.identities.members["worker"] }
    builds        = { bucket = "releases", role = "roles/storage.objectCreator", member = module.identities.members["ci"], under = "builds/" }
    compares      = { bucket = "releases", role = "roles/storage.objectViewer", member = module.identities.members["ci"], under = "current/" }
  }
}

module "registry" {
  source = "./modules/registry"

  project_id = var.project_id
  region     = var.region
  name       = local.name
  labels     = local.labels
  kms_key    = module.keys.ids["artifacts"]
  readers    = { for account in ["checks", "launcher", "replayer", "worker"] : account => module.identities.members[account] }
  writers    = { ci = module.identities.members["ci"] }
  installers = { for account in ["checks", "ci", "launcher"] : account => module.identities.members[account] }
}

module "secrets" {
  source = "./modules/secrets"

  project_id = var.project_id
  region     = var.region
  name       = local.name
  labels     = local.labels
  kms_key    = module.keys.ids["secrets"]
  protect    = local.protect
  secrets = {
    pepper = {
      purpose = "Makes the marks of customers in logs, so that ids cannot be tried until one fits."
      readers = { worker = module.identities.members["worker"] }
      adders  = var.operators
    }
  }
}

module "builds" {
  source = "./modules/builds"

  project_id = var.project_id
  region     = var.region
  name       = local.name
  network    = module.network.peered
  repository = var.build_images == null ? null : var.repository
  files      = var.build_files
  approval   = local.protect

  repository_kind = var.repository_kind
  accounts = {
    checks         = module.identities.ids["checks"]
    ci             = module.identities.ids["ci"]
    launcher       = module.identities.ids["launcher"]
    infrastructure = var.infrastructure_account == null ? null : "projects/-/serviceAccounts/${var.infrastructure_account}"
  }
  substitutions = {
    _REGION          = var.region
    _IMAGES          = module.registry.images
    _RELEASES        = module.buckets.names["releases"]
    _JOB             = local.jobs[var.generation]
    _DATASET         = local.analytics_dataset
    _SHADOW_DATASET  = local.shadow_dataset
    _ENVIRONMENT     = var.environment
    _STATE_BUCKET    = var.state_bucket
    _PYTHON_UPSTREAM = module.registry.upstream["python"]
    _DOCKER_HUB      = "${var.region}-docker.pkg.dev/${var.project_id}/${module.registry.upstream["docker"]}"
    _BUILDER         = try(var.build_images.builder, "")
    _PYTHON_DIGEST   = try(var.build_images.python, "")
    _BEAM_DIGEST     = try(var.build_images.beam, "")
    _LAUNCHER_DIGEST = try(var.build_images.launcher, "")
  }
}

module "operations" {
  source = "./modules/operations"

  project_id = var.project_id
  region     = var.region
  name       = local.name
  labels     = local.labels
  kms_key    = module.keys.ids["run"]
  protect    = local.protect
  image      = var.image
  operators  = var.operators
  replayer   = module.identities.emails["replayer"]
  scheduler  = { email = module.identities.emails["scheduler"], member = module.identities.members["scheduler"] }
  network    = module.network.id
  subnetwork = module.network.subnetwork

  signals_topic = module.messaging.topics["signals"]
  heartbeat     = file("${path.root}/heartbeat.json")
}

module "job" {
  source = "./modules/job"
  count  = var.manage_job ? 1 : 0

  project_id      = var.project_id
  region          = var.region
  name            = local.jobs[var.generation]
  labels          = local.labels
  spec_path       = var.container_spec
  image           = var.image
  parameters      = local.parameters
  service_account = module.identities.emails["worker"]
  subnetwork      = module.network.subnetwork
  worker_tag      = module.network.worker_tag
  kms_key         = module.keys.ids["dataflow"]
  staging         = module.buckets.urls["dataflow"]
  machine_type    = var.machine_type
  max_workers     = var.max_workers

  depends_on = [module.messaging, module.records, module.registry, module.secrets]
}

# --- what is watched

module "monitoring" {
  source = "./modules/monitoring"

  project_id        = var.project_id
  name              = local.name
  labels            = local.labels
  jobs              = { deciding = local.jobs[var.generation], watched = values(local.jobs) }
  job_subscriptions = sort(values(local.subscriptions[var.generation]))
  emails            = var.alert_emails
  pager_channels    = var.pager_channels
  goals             = var.goals
  fresh_s           = var.fresh_s
  thresholds        = merge(var.thresholds, { vcpus = local.vcpus })

  depends_on = [module.services]
}

module "logs" {
  source = "./modules/logs"

  project_id      = var.project_id
  region          = var.region
  name            = local.name
  kms_key         = module.keys.ids["logging"]
  retention_days  = var.retention_days.logs
  locked          = var.lock_logs
  deletion_policy = local.deletion_policy
}

module "budget" {
  source = "./modules/budget"

  billing_account = var.billing_account
  project_number  = module.services.project_number
  name            = "${local.name} ${var.environment}"
  amount          = var.budget.amount
  currency        = var.budget.currency
  thresholds      = var.budget.thresholds
  channels        = module.monitoring.channels
}

module "perimeter" {
  source = "./modules/perimeter"
  count  = var.perimeter.access_policy == null ? 0 : 1

  access_policy  = var.perimeter.access_policy
  project_number = module.services.project_number
  name           = local.name
  enforced       = var.perimeter.enforced
  services       = module.services.restricted
  access_levels  = var.perimeter.access_levels
}
