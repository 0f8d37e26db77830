"""The bank as customers meet it: topics, pages, products. The names are those of the uk_bank vocabulary."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PRODUCTS = ("current_accounts", "cards", "loans", "mortgages", "savings", "isas", "insurance", "investments")
CARE = ("account_care", "budgeting", "money_help", "security")
TOPICS = PRODUCTS + CARE

PAGES_OF = MappingProxyType(
    {
        "current_accounts": {"current_accounts": 1.0},
        "cards": {"credit_cards": 1.0},
        "loans": {"loans": 1.0},
        "mortgages": {"mortgages": 1.0, "mortgage_manage": 0.3},
        "savings": {"savings": 1.0, "rates": 0.6},
        "isas": {"isas": 1.0},
        "insurance": {"insurance": 1.0, "travel": 0.4},
        "investments": {"investments": 1.0},
        "account_care": {"details": 0.5, "card_manage": 0.6, "statements": 0.5, "moving_home": 0.15},
        "budgeting": {"budgeting": 1.0},
        "money_help": {"money_worries": 0.5, "cost_of_living": 0.5, "overdraft": 0.6},
        "security": {"security": 1.0},
    }
)
"""Pages of each topic, with how often each is chosen."""

SEARCHES = MappingProxyType(
    {
        "current_accounts": ("switch account", "joint account", "overdraft limit"),
        "cards": ("credit card", "balance transfer", "0% card"),
        "loans": ("loan calculator", "car loan", "early repayment"),
        "mortgages": ("mortgage rates", "remortgage", "agreement in principle"),
        "savings": ("best savings rate", "fixed saver", "regular saver"),
        "isas": ("isa allowance", "transfer isa", "cash isa rate"),
        "insurance": ("travel insurance", "home insurance quote"),
        "investments": ("stocks isa", "fund charges"),
        "account_care": ("change address", "new card", "download statement"),
        "budgeting": ("spending by category", "bills"),
        "money_help": ("help with bills", "cannot pay", "overdraft charges"),
        "security": ("report fraud", "scam text", "unknown payment"),
    }
)

APPLIED_FOR = MappingProxyType(
    {
        "current_accounts": "current_account",
        "cards": "credit_card",
        "loans": "personal_loan",
        "mortgages": "mortgage",
        "savings": "easy_saver",
        "isas": "cash_isa",
        "insurance": "home_insurance",
        "investments": "investment_isa",
    }
)
"""What an application on a topic is for."""

APPLICATION_STEPS = MappingProxyType(
    {"mortgages": 8, "loans": 6, "cards": 5, "current_accounts": 5, "investments": 5}
)
CALCULATED = frozenset({"mortgages", "loans", "savings", "investments", "budgeting"})

SOLD_BY = MappingProxyType(
    {
        "alderbrook": frozenset(PRODUCTS),
        "kitewell": frozenset({"current_accounts", "cards", "loans", "savings"}),
        "stonemere": frozenset({"mortgages", "savings", "isas", "insurance"}),
    }
)
BRANDS = MappingProxyType({"alderbrook": 0.5, "kitewell": 0.3, "stonemere": 0.2})

INTENTS = MappingProxyType(
    {
        "savings_rates": "savings",
        "mortgage_query": "mortgages",
        "borrowing": "loans",
        "card_problem": "account_care",
        "payment_problem": "account_care",
        "fraud_worry": "security",
        "complaint": "account_care",
        "change_details": "account_care",
        "money_worries": "money_help",
        "bereavement": "account_care",
        "close_account": "current_accounts",
        "other": "account_care",
    }
)
"""What conversations are about, and the topic of each."""

INTENT_WEIGHTS = MappingProxyType(
    {
        "savings_rates": 0.8,
        "mortgage_query": 0.5,
        "borrowing": 0.5,
        "card_problem": 1.0,
        "payment_problem": 1.0,
        "fraud_worry": 0.5,
        "complaint": 0.3,
        "change_details": 0.6,
        "money_worries": 0.2,
        "bereavement": 0.0,
        "close_account": 0.1,
        "other": 2.5,
    }
)
MOOD_OF = MappingProxyType(
    {
        "complaint": -0.65,
        "fraud_worry": -0.35,
        "money_worries": -0.45,
        "payment_problem": -0.25,
        "card_problem": -0.15,
        "bereavement": -0.3,
        "close_account": -0.4,
    }
)
"""Mean sentiment of a conversation; 0.2 where not given."""

MERCHANTS = MappingProxyType(
    {
        "groceries": (5.0, 28.0),
        "eating_out": (2.5, 18.0),
        "fuel": (1.2, 45.0),
        "household": (1.0, 35.0),
        "clothing": (0.8, 40.0),
        "bills": (0.8, 60.0),
        "travel": (0.5, 70.0),
        "other": (1.5, 20.0),
    }
)
"""Share of card payments and the median amount in pounds."""

ABROAD = ("ES", "FR", "IT", "PT", "US", "GR", "TH", "NG")

GROUP_TOPIC = MappingProxyType(
    {
        "mortgage_care": "mortgages",
        "savings_care": "savings",
        "card_rewards": "cards",
        "loyalty": "current_accounts",
        "payments": "account_care",
        "card_care": "account_care",
        "details": "account_care",
        "notices": "account_care",
        "protection": "security",
        "overdraft_help": "money_help",
        "arrears_support": "money_help",
        "cost_of_living": "money_help",
        "life_events": "account_care",
    }
    | {topic: topic for topic in TOPICS}
)
"""The topic of each group of actions. Groups not known here are about account care."""

TAKEN_UP = MappingProxyType(
    {
        "switch-to-us": "current_account",
        "packaged-account": "packaged_account",
        "joint-account": "joint_account",
        "student-account": "student_account",
        "balance-transfer-card": "credit_card",
        "rewards-card": "credit_card",
        "purchase-card": "credit_card",
        "credit-builder-card": "credit_card",
        "personal-loan": "personal_loan",
        "home-improvement-loan": "personal_loan",
        "car-loan": "personal_loan",
        "debt-consolidation-loan": "personal_loan",
        "first-home-mortgage": "mortgage",
        "moving-home-mortgage": "mortgage",
        "remortgage-to-us": "mortgage",
        "easy-saver": "easy_saver",
        "regular-saver": "regular_saver",
        "fixed-saver": "fixed_saver",
        "childrens-saver": "childrens_saver",
        "cash-isa": "cash_isa",
        "lifetime-isa": "lifetime_isa",
        "home-insurance": "home_insurance",
        "life-insurance": "life_insurance",
        "travel-insurance": "travel_insurance",
        "investment-isa": "investment_isa",
    }
)
"""What a customer holds after an action converts."""

SETTLED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "confirm-address": {"address_confirmed": True},
        "confirm-mobile": {"mobile_confirmed": True},
        "identity-check": {"identity_check_due": False},
        "go-paperless": {"paperless": True},
        "register-app": {"app_registered": True},
        "card-activate": {"new_card_inactive": False},
        "mortgage-rate-switch": {"mortgage_rate_ends_days": 730},
        "fixed-saver-maturity": {"fixed_saver_matures_days": 365},
        "payment-plan": {"in_arrears": False},
        "breathing-space-explained": {"breathing_space": True},
        "notice-rate-change": {"notice_owed": "none"},
        "notice-terms-change": {"notice_owed": "none"},
        "notice-deposit-protection": {"notice_owed": "none"},
        "notice-annual-summary": {"notice_owed": "none"},
    }
)
"""What else changes for a customer when an action is taken up (notices: when they are delivered)."""
