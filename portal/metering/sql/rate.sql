-- Usage of one UTC day to charges: per meter, price and day of the organization's calendar.
-- Needs: usage, meters, prices (in force, no overlaps), projects, days. A row without a price has no cost.
SELECT
    m.organization AS BillingAccountId,
    coalesce(p.currency, j.currency) AS BillingCurrency,
    d.period_starts AS BillingPeriodStart,
    d.period_ends AS BillingPeriodEnd,
    min(u.hour) AS ChargePeriodStart,
    max(u.hour) + INTERVAL 1 HOUR AS ChargePeriodEnd,
    p.unit_price AS ListUnitPrice,
    CAST(sum(u.quantity) AS DECIMAL(18,4)) AS PricingQuantity,
    m.unit AS PricingUnit,
    CAST(sum(money(u.quantity, p.unit_price)) AS DECIMAL(38,12)) AS ListCost,
    m.resource AS ResourceId,
    m.component AS SkuId,
    m.meter AS SkuMeter,
    p.id AS SkuPriceId,
    m.project AS SubAccountId,
    m.connection AS x_ConnectionId,
    d.day AS x_Day,
    bit_or(u.flags) AS x_Flags,
    m.generation AS x_Generation,
    m.offering AS x_OfferingId,
    m.plan AS x_PlanId,
    p.book AS x_PriceBookId,
    p.version AS x_PriceVersion,
    j.tenant_path AS x_TenantPath
FROM usage u
JOIN meters m ON m.id = u.meter_version
JOIN projects j ON j.project = m.project
JOIN days d ON d.zone = j.zone AND u.hour >= d.starts AND u.hour < d.ends
LEFT JOIN prices p
    ON p.component = m.component AND p.plan = m.plan AND p.book_scope = m.organization
    AND u.hour >= p.valid_from AND u.hour < p.valid_to
WHERE m.is_priced AND (u.quantity <> 0 OR u.flags & 2 = 2)
GROUP BY ALL
