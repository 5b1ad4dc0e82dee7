-- What a collection changes in the usage of its window. Needs: usage, meters, collected. Parameters: source, from, until, revision, observed_at.
-- Gives `changes`: rows that are new or differ, and rows withdrawn because their hour is no longer owed.
CREATE TEMP TABLE changes AS
WITH before AS (
    SELECT u.meter_version, u.hour, u.quantity, u.flags
    FROM usage u
    JOIN meters m ON m.id = u.meter_version
    WHERE m.source = $source AND u.hour >= CAST($from AS TIMESTAMPTZ) AND u.hour < CAST($until AS TIMESTAMPTZ)
)
SELECT
    coalesce(c.id, b.meter_version) AS meter_version,
    coalesce(c.hour, b.hour) AS hour,
    coalesce(c.quantity, CAST(0 AS DECIMAL(18,4))) AS quantity,
    CAST($revision AS INTEGER) AS revision,
    CAST($observed_at AS TIMESTAMPTZ) AS observed_at,
    coalesce(c.flags, 4) AS flags
FROM collected c
FULL JOIN before b ON b.meter_version = c.id AND b.hour = c.hour
WHERE coalesce(c.quantity, CAST(0 AS DECIMAL(18,4))) IS DISTINCT FROM b.quantity OR coalesce(c.flags, 4) IS DISTINCT FROM b.flags;
