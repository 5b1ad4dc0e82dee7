-- Charges of one organization and billing period in FOCUS columns. Needs: charges, accounts, projects, connections, resources,
-- offerings, components, plans, books. Parameters: organization, period_start, issuer. Rows without a price stay out.
SELECT
    CAST(NULL AS VARCHAR) AS AvailabilityZone,
    c.ListCost AS BilledCost,
    c.BillingAccountId,
    a.name AS BillingAccountName,
    'Organization' AS BillingAccountType,
    c.BillingCurrency,
    c.BillingPeriodEnd,
    c.BillingPeriodStart,
    NULL AS CapacityReservationId,
    NULL AS CapacityReservationStatus,
    'Usage' AS ChargeCategory,
    NULL AS ChargeClass,
    concat_ws(', ', o.name, p.name, k.name) AS ChargeDescription,
    'Usage-Based' AS ChargeFrequency,
    c.ChargePeriodEnd,
    c.ChargePeriodStart,
    NULL AS CommitmentDiscountCategory,
    NULL AS CommitmentDiscountId,
    NULL AS CommitmentDiscountName,
    NULL AS CommitmentDiscountQuantity,
    NULL AS CommitmentDiscountStatus,
    NULL AS CommitmentDiscountType,
    NULL AS CommitmentDiscountUnit,
    c.PricingQuantity AS ConsumedQuantity,
    c.PricingUnit AS ConsumedUnit,
    c.ListCost AS ContractedCost,
    c.ListUnitPrice AS ContractedUnitPrice,
    c.ListCost AS EffectiveCost,
    nullif(n.provider, '') AS HostProviderName,
    NULL AS InvoiceId,
    $issuer AS InvoiceIssuerName,
    c.ListCost,
    c.ListUnitPrice,
    'Standard' AS PricingCategory,
    c.BillingCurrency AS PricingCurrency,
    c.ListUnitPrice AS PricingCurrencyContractedUnitPrice,
    c.ListCost AS PricingCurrencyEffectiveCost,
    c.ListUnitPrice AS PricingCurrencyListUnitPrice,
    c.PricingQuantity,
    c.PricingUnit,
    $issuer AS ProviderName,
    coalesce(nullif(n.provider, ''), $issuer) AS PublisherName,
    nullif(r.region, '') AS RegionId,
    nullif(r.region, '') AS RegionName,
    c.ResourceId,
    nullif(r.name, '') AS ResourceName,
    o.resource_type AS ResourceType,
    o.category AS ServiceCategory,
    o.name AS ServiceName,
    $issuer AS ServiceProviderName,
    o.subcategory AS ServiceSubcategory,
    c.SkuId,
    c.SkuMeter,
    NULL AS SkuPriceDetails,
    c.SkuPriceId,
    c.SubAccountId,
    j.name AS SubAccountName,
    'Project' AS SubAccountType,
    coalesce(j.tags, '{}') AS Tags,
    c.x_ConnectionId,
    nullif(n.name, '') AS x_ConnectionName,
    c.x_Day,
    c.x_Generation,
    c.x_Flags & 1 = 1 AS x_IsEstimated,
    p.name AS x_PlanName,
    b.name AS x_PriceBookName,
    c.x_PriceVersion,
    j.tenant AS x_TenantName
FROM charges c
JOIN accounts a ON a.id = c.BillingAccountId
JOIN projects j ON j.id = c.SubAccountId
JOIN offerings o ON o.id = c.x_OfferingId
JOIN components k ON k.id = c.SkuId
JOIN plans p ON p.id = c.x_PlanId
JOIN books b ON b.id = c.x_PriceBookId
LEFT JOIN connections n ON n.id = c.x_ConnectionId
LEFT JOIN resources r ON r.id = c.ResourceId
WHERE c.BillingAccountId = $organization
    AND c.BillingPeriodStart = CAST($period_start AS TIMESTAMPTZ)
    AND c.ListCost IS NOT NULL
    AND c.PricingQuantity <> 0
