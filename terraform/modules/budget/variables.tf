variable "billing_account" {
  description = "Account that pays."
  type        = string
}

variable "project_number" {
  description = "Number of the project whose cost counts."
  type        = string
}

variable "name" {
  description = "Name of the budget."
  type        = string
}

variable "amount" {
  description = "Budget of a month, in whole units of the currency."
  type        = number
}

variable "currency" {
  description = "Currency of the billing account."
  type        = string
}

variable "thresholds" {
  description = "Shares of the budget at which somebody is told."
  type        = set(number)
}

variable "channels" {
  description = "Notification channels (at most five)."
  type        = list(string)
}
