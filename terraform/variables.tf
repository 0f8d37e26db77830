# --- where and whose

variable "project_id" {
  description = "The Google Cloud project. One project holds one environment, and nothing else."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is the id, not the name or the number: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter, e.g. nextbeam-dev-1a2b."
  }
}

variable "environment" {
  description = "dev or prod: what is protected from deletion, and how hard it is to change."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment is dev or prod; another stage takes a file of its own in environments/ and one of these two."
  }
}

variable "allowed_regions" {
  description = "Regions that data may be in: the United Kingdom and the European Union."
  type        = list(string)
  default = [
    "europe-west2",
    "europe-central2",
    "europe-north1",
    "europe-north2",
    "europe-southwest1",
    "europe-west1",
    "europe-west3",
    "europe-west4",
    "europe-west8",
    "europe-west9",
    "europe-west10",
    "europe-west12",
  ]

  validation {
    condition     = length(var.allowed_regions) > 0 && alltrue([for region in var.allowed_regions : startswith(region, "europe-") && region != "europe-west6"])
    error_message = "allowed_regions are regions in the United Kingdom or the European Union; europe-west6 is in Switzerland."
  }
}

variable "region" {
  description = "The one region of everything that has a place."
  type        = string
  default     = "europe-west2"

  validation {
    condition     = contains(var.allowed_regions, var.region)
    error_message = "region has to be one of allowed_regions (${join(", ", var.allowed_regions)}): data of customers stay there."
  }
}

variable "labels" {
  description = "Labels of whatever can have them, `app` and `env` apart, which are set: at least cost_centre, data_class and owner."
  type        = map(string)

  validation {
    condition     = alltrue([for name in ["cost_centre", "data_class", "owner"] : contains(keys(var.labels), name)])
    error_message = "labels need cost_centre (who pays), data_class (how the data are classed) and owner (whom to ask)."
  }
  validation {
    condition = alltrue([
      for name, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", name)) && can(regex("^[a-z0-9_-]{1,63}$", value))
    ])
    error_message = "labels are lower case: letters, digits, _ and -, 63 at most; names begin with a letter."
  }
  validation {
    condition     = length(setintersection(keys(var.labels), ["app", "env"])) == 0
    error_message = "labels: app and env are set here, leave them out."
  }
}

# --- what runs

variable "image" {
  description = "The image of launcher and workers, by digest; null, until the first one is built: what runs it waits."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[a-z0-9.-]+(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image names a digest, HOST/PROJECT/REPOSITORY/NAME@sha256:..., as a tag could be moved under a running job."
  }
  validation {
    condition     = var.image == null || !can(regex("sha256:0{64}", var.image))
    error_message = "image: zeros are the digest of no image; leave image out until there is one."
  }
}

variable "job_name" {
  description = "Name of the streaming job. An update goes by it, and so do alerts."
  type        = string
  default     = "nextbeam-decisioning"

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", var.job_name))
    error_message = "job_name has lower-case letters, digits and hyphens, 63 at most, and begins with a letter."
  }
}

variable "generation" {
  description = "Which generation of the job decides, as a suffix of job and subscriptions; empty: the first one. A breaking release is another."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z][a-z0-9]{0,7})?$", var.generation)) && var.generation != "shadow"
    error_message = "generation is empty or a word of up to eight lower-case letters and digits, e.g. b; shadow is the candidate's."
  }
}

variable "next_generation" {
  description = "Generation that learns from retained messages, to decide when it has caught up; null: none. It has subscriptions of its own, and may not fail."
  type        = string
  default     = null

  validation {
    condition     = var.next_generation == null || (can(regex("^([a-z][a-z0-9]{0,7})?$", var.next_generation)) && var.next_generation != "shadow")
    error_message = "next_generation is of the form of generation."
  }
  validation {
    condition     = var.next_generation == null || var.next_generation != var.generation
    error_message = "next_generation is another than generation."
  }
}

variable "machine_type" {
  description = "Kind of worker."
  type        = string
  default     = "n2-standard-4"

  validation {
    condition     = can(regex("^[a-z0-9]+-[a-z]+-[0-9]+$", var.machine_type))
    error_message = "machine_type names its vCPUs at the end, e.g. n2-standard-4: what the job may cost is reckoned by them."
  }
}

variable "max_workers" {
  description = "Most workers at a time: the hard limit of what the job can cost."
  type        = number

  validation {
    condition     = var.max_workers >= 1 && var.max_workers <= 100 && floor(var.max_workers) == var.max_workers
    error_message = "max_workers is a whole number from 1 to 100; more than 100 is a decision for the budget first."
  }
}

variable "manage_job" {
  description = "Whether Terraform launches the job itself, instead of Cloud Build. Leave it false but for a trial."
  type        = bool
  default     = false

  validation {
    condition     = !(var.manage_job && var.environment == "prod")
    error_message = "manage_job is not for prod: the next apply would start a job again that somebody drained, and nothing would have been approved."
  }
}

variable "container_spec" {
  description = "gs:// path of the release's container spec, for `manage_job`."
  type        = string
  default     = null

  validation {
    condition     = !var.manage_job || (can(regex("^gs://[a-z0-9._-]+/.+\\.json$", var.container_spec)) && var.image != null)
    error_message = "container_spec: manage_job needs the gs:// path of a container spec, and an image."
  }
}

variable "plan_path" {
  description = "Folder of the signed plan, beginning with gs://, for `manage_job`; null: `current` in the bucket of plans."
  type        = string
  default     = null
}

# --- who

variable "analysts" {
  description = "Groups that query the views and see personal columns masked, e.g. group:analysts@example.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.analysts : startswith(member, "group:")])
    error_message = "analysts are groups (group:NAME@DOMAIN): people come and go, grants should not."
  }
}

variable "data_stewards" {
  description = "Groups that see personal columns as they are."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.data_stewards : startswith(member, "group:")])
    error_message = "data_stewards are groups (group:NAME@DOMAIN)."
  }
}

variable "operators" {
  description = "Groups that watch the job, drain it, approve deployments, replay dead letters and add values of secrets."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : startswith(member, "group:")])
    error_message = "operators are groups (group:NAME@DOMAIN)."
  }
}

variable "decision_managers" {
  description = "Groups that sign and publish plans, acting as the model publisher."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.decision_managers : startswith(member, "group:")])
    error_message = "decision_managers are groups (group:NAME@DOMAIN)."
  }
}

variable "releasers" {
  description = "Groups that launch a job by hand, e.g. a breaking release, acting as the launcher."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.releasers : startswith(member, "group:")])
    error_message = "releasers are groups (group:NAME@DOMAIN)."
  }
}

variable "erasers" {
  description = "Groups that delete the rows of a customer who asks to be forgotten; they see personal columns as they are."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.erasers : startswith(member, "group:")])
    error_message = "erasers are groups (group:NAME@DOMAIN)."
  }
}

variable "brand_readers" {
  description = "For each brand, the group that sees its rows only; empty: no policy on rows."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for brand, member in var.brand_readers : can(regex("^[A-Za-z0-9_-]+$", brand)) && startswith(member, "group:")])
    error_message = "brand_readers map a brand (letters, digits, _ and -) to a group (group:NAME@DOMAIN)."
  }
}

variable "break_glass" {
  description = "The principal set that deny rules do not bind, e.g. principalSet://goog/group/NAME@DOMAIN; null: no deny rules."
  type        = string
  default     = null

  validation {
    condition     = var.break_glass == null || can(regex("^principalSet://goog/group/.+@.+$", var.break_glass))
    error_message = "break_glass is principalSet://goog/group/NAME@DOMAIN."
  }
}

variable "audited_services" {
  description = "Services whose reads and writes of data are logged. Pub/Sub is left out: it would log every message."
  type        = set(string)
  default = [
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "cloudkms.googleapis.com",
    "dataflow.googleapis.com",
    "iam.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ]
}

# --- network

variable "workers_cidr" {
  description = "Private addresses of workers and jobs."
  type        = string
  default     = "10.120.0.0/22"

  validation {
    condition     = can(cidrnetmask(var.workers_cidr)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.workers_cidr)) && try(tonumber(split("/", var.workers_cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.workers_cidr)[1]), 32) <= 26
    error_message = "workers_cidr is a private IPv4 range from /16 to /26: a parallel update needs twice the workers."
  }
}

variable "builds_cidr" {
  description = "Private addresses of build machines; it must not overlap workers_cidr."
  type        = string
  default     = "10.121.0.0/24"

  validation {
    condition     = can(cidrnetmask(var.builds_cidr)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.builds_cidr)) && try(tonumber(split("/", var.builds_cidr)[1]), 32) <= 24
    error_message = "builds_cidr is a private IPv4 range of /24 or larger."
  }
}

variable "perimeter" {
  description = <<-EOT
    The service perimeter around the project. `access_policy` is the number of the organisation's policy; null: none is
    made. Not `enforced`, it only logs what it would refuse: begin so.
  EOT
  type = object({
    access_policy = optional(string)
    enforced      = optional(bool, false)
    access_levels = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = var.perimeter.access_policy == null || can(regex("^[0-9]+$", var.perimeter.access_policy))
    error_message = "perimeter.access_policy is the policy's number, as `gcloud access-context-manager policies list` shows it."
  }
  validation {
    condition     = !var.perimeter.enforced || var.perimeter.access_policy != null
    error_message = "perimeter.enforced needs perimeter.access_policy."
  }
}

# --- how long

variable "retention_days" {
  description = <<-EOT
    For how many days what is kept: `messages` of signals and outcomes, to be played again (a breaking release warms up
    from them: as long as the longest contact limit); `decisions`, feedback and sessions; `dead_letters`; `shadow`, what
    candidates decided; `logs`.
  EOT
  type = object({
    messages     = number
    decisions    = number
    dead_letters = number
    shadow       = number
    logs         = number
  })

  validation {
    condition     = var.retention_days.messages >= 7 && var.retention_days.messages <= 31
    error_message = "retention_days.messages is 7 to 31: Pub/Sub keeps messages for 31 days at most, and outcomes may be a week late."
  }
  validation {
    condition     = var.retention_days.decisions >= 30
    error_message = "retention_days.decisions is 30 or more: contact limits and responses reach back that far."
  }
  validation {
    condition     = var.environment != "prod" || var.retention_days.decisions >= 395
    error_message = "retention_days.decisions is 395 (13 months) or more in prod, so that a year can be compared with the one before, and a complaint answered."
  }
  validation {
    condition     = var.retention_days.dead_letters >= 7 && var.retention_days.dead_letters <= var.retention_days.decisions
    error_message = "retention_days.dead_letters is 7 or more, and no more than decisions: they hold payloads as they came in."
  }
  validation {
    condition     = var.retention_days.shadow >= 1 && var.retention_days.shadow <= 90
    error_message = "retention_days.shadow is 1 to 90: what nobody acted on need not be kept."
  }
  validation {
    condition     = var.retention_days.logs >= 365 && var.retention_days.logs <= 3650
    error_message = "retention_days.logs is 365 to 3650: a year at least, and Cloud Logging keeps ten at most."
  }
}

variable "lock_logs" {
  description = "Whether nobody can shorten the life of logs any more. It cannot be taken back, not even with the project's owner."
  type        = bool
  default     = false
}

variable "key_rotation_days" {
  description = "Days after which a new version of each key encrypts what is new."
  type        = number
  default     = 90

  validation {
    condition     = var.key_rotation_days >= 1 && var.key_rotation_days <= 90
    error_message = "key_rotation_days is 1 to 90."
  }
}

variable "pepper_version" {
  description = "Version of the pepper that jobs use; another one takes an update of the job."
  type        = number
  default     = 1

  validation {
    condition     = var.pepper_version >= 1 && floor(var.pepper_version) == var.pepper_version
    error_message = "pepper_version is the number of a version, 1 or more."
  }
}

# --- what is watched

variable "alert_emails" {
  description = "Who is told of every alert and of the budget."
  type        = set(string)

  validation {
    condition     = length(var.alert_emails) > 0 && length(var.alert_emails) <= 5 && alltrue([for email in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "alert_emails are one to five addresses: an alert that tells nobody is none, and a budget tells five channels at most."
  }
}

variable "pager_channels" {
  description = "Notification channels that wake somebody, made elsewhere as they hold a secret: projects/PROJECT/notificationChannels/NUMBER."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.pager_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "pager_channels are full names, projects/PROJECT/notificationChannels/NUMBER."
  }
  validation {
    condition     = var.environment != "prod" || length(var.pager_channels) > 0
    error_message = "pager_channels: in prod somebody has to be woken; name a channel."
  }
}

variable "goals" {
  description = "What is promised, as shares of all cases over 28 days; what each counts is in modules/monitoring/objectives.tf."
  type = object({
    decision_latency = optional(number, 0.99)
    decision_compute = optional(number, 0.999)
    freshness        = optional(number, 0.995)
    dead_letters     = optional(number, 0.999)
    accounted_for    = optional(number, 0.995)
  })
  default = {}

  validation {
    condition     = alltrue([for name, goal in var.goals : goal >= 0.9 && goal <= 0.9999])
    error_message = "goals are shares from 0.9 to 0.9999, e.g. 0.99 for 99 %: with 1 there is no budget, and every alert would ring at once."
  }
}

variable "fresh_s" {
  description = "Seconds that a message may wait for the job, on average of five minutes."
  type        = number
  default     = 5

  validation {
    condition     = var.fresh_s > 0 && var.fresh_s <= 300
    error_message = "fresh_s is above 0 and at most 300 seconds: later than that an offer is for a page the customer has left."
  }
}

variable "thresholds" {
  description = "From when on causes are worth an alert."
  type = object({
    system_lag_s         = optional(number, 60)
    watermark_age_s      = optional(number, 900)
    backlog_age_s        = optional(number, 120)
    worker_errors        = optional(number, 20)
    dead_letters_waiting = optional(number, 100)
    accounts_gap_share   = optional(number, 0.001)
  })
  default = {}

  validation {
    condition     = alltrue([for name, value in var.thresholds : value > 0]) && var.thresholds.accounts_gap_share < 1
    error_message = "thresholds are above 0, and accounts_gap_share is a share below 1."
  }
  validation {
    condition     = var.thresholds.backlog_age_s > var.fresh_s
    error_message = "thresholds.backlog_age_s is above fresh_s: what still counts as fresh is no reason for an alert."
  }
}

variable "billing_account" {
  description = "Billing account of the project: XXXXXX-XXXXXX-XXXXXX."
  type        = string

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account has the form XXXXXX-XXXXXX-XXXXXX, of digits and A to F."
  }
}

variable "budget" {
  description = "Budget of a month: whole units of the billing account's currency, and the shares at which somebody is told."
  type = object({
    amount     = number
    currency   = string
    thresholds = optional(set(number), [0.5, 0.8, 1])
  })

  validation {
    condition     = var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount && can(regex("^[A-Z]{3}$", var.budget.currency))
    error_message = "budget has a whole amount of 1 or more and a currency of three capitals, e.g. GBP."
  }
  validation {
    condition     = length(var.budget.thresholds) > 0 && alltrue([for share in var.budget.thresholds : share > 0 && share <= 2])
    error_message = "budget.thresholds are shares above 0 and up to 2, e.g. 0.8 for 80 %."
  }
}

# --- how it is built

variable "repository" {
  description = "The connected repository, projects/PROJECT/locations/REGION/connections/NAME/repositories/NAME; null: no triggers yet."
  type        = string
  default     = null

  validation {
    condition     = var.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "repository is the full name of a connected repository: projects/PROJECT/locations/REGION/connections/NAME/repositories/NAME."
  }
}

variable "build_files" {
  description = "The builds' descriptions in the repository."
  type = object({
    check           = optional(string, "deploy/cloudbuild/check.yaml")
    release         = optional(string, "cloudbuild.yaml")
    vulnerabilities = optional(string, "deploy/cloudbuild/vulnerabilities.yaml")
    plan            = optional(string, "deploy/cloudbuild/plan.yaml")
    infrastructure  = optional(string, "deploy/cloudbuild/infrastructure.yaml")
    candidate       = optional(string, "deploy/cloudbuild/candidate.yaml")
    update          = optional(string, "deploy/cloudbuild/update.yaml")
    way-back        = optional(string, "deploy/cloudbuild/way-back.yaml")
  })
  default = {}
}

variable "repository_kind" {
  description = "Whose repository it is: GITHUB, GITLAB or BITBUCKET_SERVER."
  type        = string
  default     = "GITHUB"

  validation {
    condition     = contains(["GITHUB", "GITLAB", "BITBUCKET_SERVER"], var.repository_kind)
    error_message = "repository_kind is GITHUB, GITLAB or BITBUCKET_SERVER."
  }
}

variable "build_images" {
  description = "What builds run in (deploy/builder/Dockerfile), by digest, and the digests of the images that ours is made of; null: not known yet, and no triggers."
  type        = object({ builder = string, python = string, beam = string, launcher = string })
  default     = null

  validation {
    condition     = var.build_images == null || can(regex("^[a-z0-9.-]+/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.build_images.builder))
    error_message = "build_images.builder names a digest, HOST/PROJECT/REPOSITORY/NAME@sha256:..., as a tag could be moved."
  }
  validation {
    condition     = var.build_images == null || alltrue([for digest in try([var.build_images.python, var.build_images.beam, var.build_images.launcher], []) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "build_images: python, beam and launcher are digests, sha256:... (docs/dataflow.md says where from)."
  }
}

variable "infrastructure_account" {
  description = "E-mail address of the account that may apply this configuration, made elsewhere as it can do anything here; null: a person applies it."
  type        = string
  default     = null

  validation {
    condition     = var.infrastructure_account == null || can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.iam\\.gserviceaccount\\.com$", var.infrastructure_account))
    error_message = "infrastructure_account is a service account, NAME@PROJECT.iam.gserviceaccount.com."
  }
}

variable "state_bucket" {
  description = "Bucket of Terraform's state, for the builds that plan and apply."
  type        = string
  default     = ""
}
