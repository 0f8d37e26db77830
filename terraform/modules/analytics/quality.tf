# What must hold of the tables, asked every hour of the rows that came since. A failed scan is an alert.
resource "google_dataplex_datascan" "decisions" {
  project      = var.project_id
  location     = var.region
  data_scan_id = "${replace(var.dataset_id, "_", "-")}-decisions"
  display_name = "Decisions"
  description  = "Rows are whole, nothing is decided twice, no contact limit of a plan is exceeded."
  labels       = var.labels

  data {
    resource = var.decisions_resource
  }

  execution_spec {
    field = "decided_at"
    trigger {
      schedule {
        cron = "17 * * * *"
      }
    }
  }

  data_quality_spec {
    sampling_percent = 100

    rules {
      name        = "identified"
      description = "A decision has an id."
      dimension   = "COMPLETENESS"
      column      = "decision_id"
      threshold   = 1
      non_null_expectation {}
    }
    rules {
      name        = "sealed"
      description = "A decision carries the digest that replay checks."
      dimension   = "COMPLETENESS"
      column      = "seal"
      threshold   = 1
      non_null_expectation {}
    }
    rules {
      name        = "not-of-the-future"
      description = "Event times are not ahead by more than a day."
      dimension   = "VALIDITY"
      threshold   = 1
      row_condition_expectation {
        sql_expression = "decided_at <= TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)"
      }
    }
    rules {
      name        = "offered-or-said-why"
      description = "A decision without an offer says why."
      dimension   = "CONSISTENCY"
      threshold   = 1
      row_condition_expectation {
        sql_expression = "ARRAY_LENGTH(offers) > 0 OR no_action IS NOT NULL"
      }
    }
    rules {
      name        = "accounted-for"
      description = "No id stands for two different decisions, outcomes or sessions."
      dimension   = "UNIQUENESS"
      sql_assertion {
        sql_statement = "SELECT table_name FROM `${local.here}.accounted_for` WHERE conflicting > 0"
      }
    }
    rules {
      name        = "limits-known"
      description = "The limits of every plan that decided are known: without them limits-kept says nothing of its decisions."
      dimension   = "COMPLETENESS"
      sql_assertion {
        sql_statement = "SELECT table_name FROM `${local.here}.accounted_for` WHERE unpromised > 0"
      }
    }
    rules {
      name        = "limits-kept"
      description = "No contact that a limit of its plan should have refused; the last hour may still be written."
      dimension   = "CONSISTENCY"
      sql_assertion {
        sql_statement = "SELECT decision_id FROM `${local.here}.cap_breaches` WHERE decided_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)"
      }
    }
  }

  depends_on = [google_bigquery_table.third, google_bigquery_dataset_iam_member.reader]
}
