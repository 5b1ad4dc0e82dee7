-- Usage of one UTC day to charges: per meter, price and day of the organization's calendar.
-- Needs: usage, meters, prices (in force, no overlaps), projects, days. A row without a price has no cost.
WITH owned AS MATERIALIZED (
    SELECT m.*, j.tenant_path, j.zone, j.currency
    FROM meters m
    JOIN projects j ON j.project = m.project
    WHERE m.is_priced
),
lines AS (
    -- Grouped by the few columns that tell lines apart; what follows from those is looked up afterwards.
    SELECT
        u.meter_version,
        p.id AS price,
        d.day,
        any_value(p.unit_price) AS unit_price,
        any_value(p.currency) AS currency,
        any_value(p.book) AS book,
        any_value(p.version) AS version,
        any_value(d.period_starts) AS period_starts,
        any_value(d.period_ends) AS period_ends,
        min(u.hour) AS first_hour,
        max(u.hour) AS last_hour,
        bit_or(u.flags) AS flags,
        sum(u.quantity) AS quantity,
        sum(money(u.quantity, p.unit_price)) AS cost
    FROM usage u
    JOIN owned o ON o.id = u.meter_version
    JOIN days d ON d.zone = o.zone AND u.hour >= d.starts AND u.hour < d.ends
    LEFT JOIN prices p
        ON p.component = o.component AND p.plan = o.plan AND p.book_scope = o.organization
        AND u.hour >= p.valid_from AND u.hour < p.valid_to
    WHERE u.quantity <> 0 OR u.flags & 2 = 2
    GROUP BY u.meter_version, p.id, d.day
)
SELECT
    o.organization AS BillingAccountId,
    coalesce(l.currency, o.currency) AS BillingCurrency,
    l.period_starts AS BillingPeriodStart,
    l.period_ends AS BillingPeriodEnd,
    l.first_hour AS ChargePeriodStart,
    l.last_hour + INTERVAL 1 HOUR AS ChargePeriodEnd,
    l.unit_price AS ListUnitPrice,
    CAST(l.quantity AS DECIMAL(18,4)) AS PricingQuantity,
    o.unit AS PricingUnit,
    CAST(l.cost AS DECIMAL(38,12)) AS ListCost,
    o.resource AS ResourceId,
    o.component AS SkuId,
    o.meter AS SkuMeter,
    l.price AS SkuPriceId,
    o.project AS SubAccountId,
    o.connection AS x_ConnectionId,
    l.day AS x_Day,
    l.flags AS x_Flags,
    o.generation AS x_Generation,
    o.offering AS x_OfferingId,
    o.plan AS x_PlanId,
    l.book AS x_PriceBookId,
    l.version AS x_PriceVersion,
    o.tenant_path AS x_TenantPath
FROM lines l
JOIN owned o ON o.id = l.meter_version
