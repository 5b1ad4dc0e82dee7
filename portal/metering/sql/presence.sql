-- Hours alive and hours seen per resource and day of the organization's calendar. Needs: usage, meters, projects, days.
SELECT
    CAST(d.day AS VARCHAR) AS day,
    m.project,
    j.tenant_path,
    m.connection,
    m.resource,
    CAST(coalesce(sum(u.quantity) FILTER (WHERE m.meter = 'alive'), 0) AS DECIMAL(18,4)) AS hours_alive,
    CAST(coalesce(sum(CASE WHEN m.meter = 'alive' THEN u.quantity ELSE -u.quantity END), 0) AS DECIMAL(18,4)) AS hours_seen
FROM usage u
JOIN meters m ON m.id = u.meter_version
JOIN projects j ON j.project = m.project
JOIN days d ON d.zone = j.zone AND u.hour >= d.starts AND u.hour < d.ends
WHERE m.meter IN ('alive', 'unseen') AND u.quantity <> 0
GROUP BY ALL
ORDER BY ALL
