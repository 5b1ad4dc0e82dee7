-- One row per meter and hour: the newest revision, then what was observed last, wins whatever came first. Needs: `arrived`.
SELECT meter_version, hour, quantity, revision, observed_at, flags
FROM arrived
QUALIFY row_number() OVER (
    PARTITION BY meter_version, hour
    ORDER BY revision DESC, observed_at DESC, quantity DESC, flags DESC
) = 1
