WITH RECURSIVE
named(nsp, nam, loose) AS (VALUES {names}),
spaces AS (
  SELECT n.oid AS oid, {schema} AS nsp FROM pg_catalog.pg_namespace n
),
candidates AS (
  SELECT n.nsp AS said, s.nsp AS nsp, c.oid AS oid, n.loose,
    pg_catalog.bool_or(s.nsp OPERATOR(pg_catalog.=) n.nsp) OVER (PARTITION BY n.nsp, n.nam) AS there
  FROM named n
  JOIN pg_catalog.pg_class c ON c.relname::pg_catalog.text OPERATOR(pg_catalog.=) n.nam
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace
  WHERE n.nsp OPERATOR(pg_catalog.=) '' OR s.nsp OPERATOR(pg_catalog.=) n.nsp OR n.loose
),
-- A foreign key of a partitioned table stands at each of its parts as well: they are parts here, too.
walk(oid, beyond) AS (
  SELECT oid, nsp OPERATOR(pg_catalog.<>) said FROM candidates WHERE said OPERATOR(pg_catalog.=) '' OR nsp OPERATOR(pg_catalog.=) said OR (loose AND NOT there)
  UNION
  SELECT x.oid, x.beyond FROM walk w CROSS JOIN LATERAL (
    SELECT i.inhrelid AS oid, false AS beyond
    FROM pg_catalog.pg_inherits i WHERE i.inhparent OPERATOR(pg_catalog.=) w.oid
    UNION ALL
    SELECT f.conrelid, f.conparentid OPERATOR(pg_catalog.=) 0 OR pg_catalog.pg_partition_root(f.conrelid) IS NULL
    FROM pg_catalog.pg_constraint f
    WHERE f.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog."char" AND f.confrelid OPERATOR(pg_catalog.=) w.oid
    UNION ALL
    SELECT pg_catalog.pg_partition_root(f.conrelid), true
    FROM pg_catalog.pg_constraint f
    WHERE f.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog."char" AND f.confrelid OPERATOR(pg_catalog.=) w.oid
      AND f.conparentid OPERATOR(pg_catalog.<>) 0 AND pg_catalog.pg_partition_root(f.conrelid) IS NOT NULL
  ) x
)
SELECT DISTINCT CASE WHEN s.nsp IS NULL THEN 'unknown' WHEN w.beyond THEN 'reached' ELSE 'part' END,
  COALESCE(s.nsp, ''), COALESCE(c.relname::pg_catalog.text, '')
FROM (SELECT * FROM walk LIMIT {most}) w
LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) w.oid
LEFT JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE w.beyond OR NOT EXISTS (SELECT FROM candidates n WHERE n.oid OPERATOR(pg_catalog.=) w.oid)
UNION ALL
SELECT 'most', '', '' WHERE (SELECT pg_catalog.count(*) FROM (SELECT FROM walk LIMIT {most}) m) OPERATOR(pg_catalog.=) {most}
