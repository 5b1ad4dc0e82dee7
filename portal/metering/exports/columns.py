"""The columns of our FOCUS export: 1.2, the 1.3 names beside, our own last; and the fixed words of the specification."""

TEXT, INSTANT, QUANTITY, PRICE, COST = "VARCHAR", "TIMESTAMPTZ", "DECIMAL(18,4)", "DECIMAL(18,8)", "DECIMAL(38,12)"

FOCUS: dict[str, str] = {
    "AvailabilityZone": TEXT,
    "BilledCost": COST,
    "BillingAccountId": TEXT,
    "BillingAccountName": TEXT,
    "BillingAccountType": TEXT,
    "BillingCurrency": TEXT,
    "BillingPeriodEnd": INSTANT,
    "BillingPeriodStart": INSTANT,
    "CapacityReservationId": TEXT,
    "CapacityReservationStatus": TEXT,
    "ChargeCategory": TEXT,
    "ChargeClass": TEXT,
    "ChargeDescription": TEXT,
    "ChargeFrequency": TEXT,
    "ChargePeriodEnd": INSTANT,
    "ChargePeriodStart": INSTANT,
    "CommitmentDiscountCategory": TEXT,
    "CommitmentDiscountId": TEXT,
    "CommitmentDiscountName": TEXT,
    "CommitmentDiscountQuantity": QUANTITY,
    "CommitmentDiscountStatus": TEXT,
    "CommitmentDiscountType": TEXT,
    "CommitmentDiscountUnit": TEXT,
    "ConsumedQuantity": QUANTITY,
    "ConsumedUnit": TEXT,
    "ContractedCost": COST,
    "ContractedUnitPrice": PRICE,
    "EffectiveCost": COST,
    "HostProviderName": TEXT,
    "InvoiceId": TEXT,
    "InvoiceIssuerName": TEXT,
    "ListCost": COST,
    "ListUnitPrice": PRICE,
    "PricingCategory": TEXT,
    "PricingCurrency": TEXT,
    "PricingCurrencyContractedUnitPrice": PRICE,
    "PricingCurrencyEffectiveCost": COST,
    "PricingCurrencyListUnitPrice": PRICE,
    "PricingQuantity": QUANTITY,
    "PricingUnit": TEXT,
    "ProviderName": TEXT,
    "PublisherName": TEXT,
    "RegionId": TEXT,
    "RegionName": TEXT,
    "ResourceId": TEXT,
    "ResourceName": TEXT,
    "ResourceType": TEXT,
    "ServiceCategory": TEXT,
    "ServiceName": TEXT,
    "ServiceProviderName": TEXT,
    "ServiceSubcategory": TEXT,
    "SkuId": TEXT,
    "SkuMeter": TEXT,
    "SkuPriceDetails": TEXT,
    "SkuPriceId": TEXT,
    "SubAccountId": TEXT,
    "SubAccountName": TEXT,
    "SubAccountType": TEXT,
    "Tags": TEXT,
}
OWN: dict[str, str] = {
    "x_ConnectionId": TEXT,
    "x_ConnectionName": TEXT,
    "x_Day": "DATE",
    "x_Generation": TEXT,
    "x_IsEstimated": "BOOLEAN",
    "x_PlanName": TEXT,
    "x_PriceBookName": TEXT,
    "x_PriceVersion": "INTEGER",
    "x_TenantName": TEXT,
}
COLUMNS = {**FOCUS, **OWN}
MANDATORY = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId", "BillingCurrency"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory"),
    *("InvoiceIssuerName", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName", "ServiceProviderName"),
)
"""Never null. FOCUS allows null in the other mandatory columns."""
PRESENT = (*MANDATORY, "BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit")

CHARGE_CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
CHARGE_FREQUENCIES = ("One-Time", "Recurring", "Usage-Based")
PRICING_CATEGORIES = ("Standard", "Dynamic", "Committed", "Other")
SERVICES = {
    "compute": ("Compute", "Virtual Machines", "Server"),
    "database": ("Databases", "Relational Databases", "Database"),
    "volume": ("Storage", "Block Storage", "Volume"),
    "object_store": ("Storage", "Object Storage", "Bucket"),
    "container": ("Compute", "Containers", "Container"),
    "function": ("Compute", "Serverless Compute", "Function"),
}
"""Capability -> category, subcategory and type of resource."""
OTHER_SERVICE = ("Other", "Other (Other)", "Resource")

SUBCATEGORIES: dict[str, tuple[str, ...]] = {
    "AI and Machine Learning": (
        *("AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing"),
        "Other (AI and Machine Learning)",
    ),
    "Analytics": (
        *("Analytics Platforms", "Business Intelligence", "Data Processing", "Search", "Streaming Analytics"),
        "Other (Analytics)",
    ),
    "Business Applications": ("Productivity and Collaboration", "Other (Business Applications)"),
    "Compute": (
        *("Containers", "End User Computing", "Quantum Compute", "Serverless Compute", "Virtual Machines"),
        "Other (Compute)",
    ),
    "Databases": (
        *("Caching", "Data Warehouses", "Ledger Databases", "NoSQL Databases", "Relational Databases"),
        *("Time Series Databases", "Other (Databases)"),
    ),
    "Developer Tools": (
        *("Developer Platforms", "Continuous Integration and Deployment", "Development Environments"),
        *("Source Code Management", "Quality Assurance", "Other (Developer Tools)"),
    ),
    "Identity": ("Identity and Access Management", "Other (Identity)"),
    "Integration": ("API Management", "Messaging", "Workflow Orchestration", "Other (Integration)"),
    "Internet of Things": ("IoT Analytics", "IoT Platforms", "Other (Internet of Things)"),
    "Management and Governance": (
        *("Architecture", "Compliance", "Cost Management", "Data Governance", "Disaster Recovery"),
        *("Endpoint Management", "Observability", "Support", "Other (Management and Governance)"),
    ),
    "Media": ("Content Creation", "Gaming", "Media Streaming", "Mixed Reality", "Other (Media)"),
    "Migration": ("Data Migration", "Resource Migration", "Other (Migration)"),
    "Mobile": ("Other (Mobile)",),
    "Multicloud": ("Multicloud Integration", "Other (Multicloud)"),
    "Networking": (
        *("Application Networking", "Content Delivery", "Network Connectivity", "Network Infrastructure"),
        *("Network Routing", "Network Security", "Other (Networking)"),
    ),
    "Security": (
        *("Secret Management", "Security Posture Management", "Threat Detection and Response"),
        "Other (Security)",
    ),
    "Storage": (
        *("Backup Storage", "Block Storage", "File Storage", "Object Storage", "Storage Platforms"),
        "Other (Storage)",
    ),
    "Web": ("Application Platforms", "Other (Web)"),
    "Other": ("Other (Other)",),
}
