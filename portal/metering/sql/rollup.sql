-- Charges of one UTC day as rows for the pages: per resource, component and day of the organization's calendar. Needs: charges.
SELECT
    CAST(x_Day AS VARCHAR) AS day,
    SubAccountId AS project,
    x_TenantPath AS tenant_path,
    x_ConnectionId AS connection,
    ResourceId AS resource,
    x_OfferingId AS offering,
    SkuId AS component,
    x_PlanId AS plan,
    CAST(sum(PricingQuantity) AS DECIMAL(18,4)) AS quantity,
    PricingUnit AS unit,
    CAST(coalesce(sum(ListCost), 0) AS DECIMAL(38,12)) AS cost,
    BillingCurrency AS currency,
    ListCost IS NOT NULL AS is_rated,
    bool_or(x_Flags & 3 <> 0) AS is_flagged
FROM charges
GROUP BY ALL
ORDER BY ALL
