-- Lifelines of one window as hours of use. Needs: lifelines, components, states. Parameters: source, from, until, grace_hours.
-- Gives `collected`: one row per meter and hour. Flags: 1 estimated, 2 unknown, 4 withdrawn.
CREATE TEMP TABLE collected AS
WITH lines AS (
    -- Half-open, and where two lines of one resource overlap, the one that began later holds.
    SELECT
        *,
        least(
            coalesce(ends, TIMESTAMPTZ '9999-01-01 00:00:00+00'),
            coalesce(lead(starts) OVER (PARTITION BY resource, generation ORDER BY starts, state), TIMESTAMPTZ '9999-01-01 00:00:00+00')
        ) AS ends_at
    FROM lifelines
    WHERE ends IS NULL OR ends > starts
),
pieces AS (
    -- A known state is seen until somebody last looked (with some grace), an unknown one not at all:
    -- there the state before it is assumed.
    SELECT
        l.resource, l.generation, l.connection, l.organization, l.project, l.offering, l.version, l.plan, l.size,
        greatest(l.starts, CAST($from AS TIMESTAMPTZ)) AS starts,
        least(l.ends_at, CAST($until AS TIMESTAMPTZ)) AS ends,
        CASE
            WHEN s.state IS NULL THEN l.starts
            WHEN l.ends IS NOT NULL OR l.seen_until IS NULL THEN TIMESTAMPTZ '9999-01-01 00:00:00+00'
            ELSE greatest(l.seen_until + to_hours($grace_hours), l.starts)
        END AS seen_until,
        CASE WHEN s.state IS NULL THEN l.state_before ELSE l.state END AS assumed
    FROM lines l
    LEFT JOIN states s ON s.state = l.state
    WHERE l.ends_at > CAST($from AS TIMESTAMPTZ) AND l.starts < CAST($until AS TIMESTAMPTZ)
),
owing AS (
    SELECT
        p.*,
        c.component, c.meter, c.unit, c.is_priced, c.measures,
        CASE WHEN c.measures = 'component' THEN p.plan ELSE '' END AS plan_of,
        to_hours(c.gap_hours) AS gap,
        s.state IS NULL AS is_unknown,
        CASE WHEN c.field = '' THEN c.constant ELSE TRY_CAST(p.size ->> c.field AS DECIMAL(18,4)) END AS units
    FROM pieces p
    LEFT JOIN states s ON s.state = p.assumed
    JOIN components c ON c.version = p.version
    WHERE s.state IS NULL OR (c.only_while = 'running' AND s.running) OR (c.only_while = 'exists' AND s.exists)
),
spans AS (
    SELECT *, starts AS a, least(ends, seen_until) AS b, 0 AS flag FROM owing WHERE measures <> 'unseen'
    UNION ALL
    SELECT *, greatest(starts, seen_until), least(ends, seen_until + gap), 1 FROM owing
    WHERE measures = 'component' AND ends > seen_until
    UNION ALL
    SELECT *, greatest(starts, seen_until + gap), ends, 2 FROM owing
    WHERE measures = 'component' AND ends > seen_until AND ends > seen_until + gap
    UNION ALL
    SELECT *, greatest(starts, seen_until), ends, 0 FROM owing WHERE measures <> 'component' AND ends > seen_until
),
hours AS (
    SELECT
        *,
        unnest(generate_series(date_trunc('hour', a), b - INTERVAL 1 MICROSECOND, INTERVAL 1 HOUR)) AS hour
    FROM spans
    WHERE b > a
)
SELECT
    CAST('0x' || substr(sha256(concat_ws('|',
        $source, connection, resource, generation, meter, unit, organization, project, offering, component, plan_of
    )), 1, 15) AS BIGINT) AS id,
    $source AS source, connection, resource, generation, meter, unit, is_priced, organization, project, offering, component,
    plan_of AS plan,
    hour,
    from_ticks(divide_rounded(
        coalesce(sum(
            CASE WHEN flag = 2 OR is_unknown AND measures = 'component' OR units IS NULL THEN CAST(0 AS HUGEINT)
            ELSE CAST(CAST(units AS DECIMAL(22,4)) * 10000 AS HUGEINT)
                * (epoch_us(least(b, hour + INTERVAL 1 HOUR)) - epoch_us(greatest(a, hour)))
            END
        ), 0),
        CAST(3600000000 AS HUGEINT)
    )) AS quantity,
    bit_or(CASE WHEN units IS NULL OR is_unknown AND measures = 'component' THEN 2 ELSE flag END) AS flags
FROM hours
GROUP BY ALL;
