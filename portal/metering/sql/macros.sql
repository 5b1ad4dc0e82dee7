-- The one money expression: quantity (18,4) times unit price (18,8) is a cost (.,12), exact on every engine.
CREATE MACRO money(quantity, unit_price) AS CAST(quantity AS DECIMAL(19,4)) * unit_price;

-- A count of ten-thousandths as an amount at the scale of the ledger.
CREATE MACRO from_ticks(ticks) AS CAST(CAST(ticks AS DECIMAL(19,0)) * CAST(0.0001 AS DECIMAL(5,4)) AS DECIMAL(18,4));

-- Whole-number division, halves up, where both sides are not negative.
CREATE MACRO divide_rounded(upper, lower) AS (2 * upper + lower) // (2 * lower);
