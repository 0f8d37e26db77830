variable "project_id" {
  description = "Project that is watched."
  type        = string
}

variable "name" {
  description = "Name of the service."
  type        = string
}

variable "labels" {
  description = "Labels of what watches."
  type        = map(string)
}

variable "jobs" {
  description = "Names of streaming jobs: `deciding`, which promises are kept by; `watched`, which may not fail either. Others, e.g. a candidate's shadow, wake nobody."
  type = object({
    deciding = string
    watched  = list(string)
  })

  validation {
    condition     = contains(var.jobs.watched, var.jobs.deciding)
    error_message = "jobs.watched has the job that decides in it."
  }
}

variable "job_subscriptions" {
  description = "Names of the subscriptions that the job which decides reads."
  type        = list(string)
}

variable "emails" {
  description = "Who is told of every alert."
  type        = set(string)
}

variable "pager_channels" {
  description = "Notification channels, made elsewhere, that wake somebody."
  type        = list(string)
}

variable "goals" {
  description = "What is promised, as shares of all cases over 28 days."
  type = object({
    decision_latency = number
    decision_compute = number
    freshness        = number
    dead_letters     = number
    accounted_for    = number
  })
}

variable "fresh_s" {
  description = "Seconds that a message may wait for the job, on average of five minutes."
  type        = number
}

variable "thresholds" {
  description = "From when on causes are worth an alert."
  type = object({
    system_lag_s         = number
    watermark_age_s      = number
    backlog_age_s        = number
    worker_errors        = number
    dead_letters_waiting = number
    accounts_gap_share   = number
    vcpus                = number
  })
}
