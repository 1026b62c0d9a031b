WITH RECURSIVE
named(nsp, nam, loose) AS (VALUES {names}),
spaces AS (
  SELECT n.oid AS oid, {schema} AS nsp FROM pg_catalog.pg_namespace n
),
-- What is named, and the views that its query reads, however far; materialised ones are read as they are.
views(oid) AS (
  SELECT c.oid FROM named n
  JOIN pg_catalog.pg_class c ON c.relname::pg_catalog.text OPERATOR(pg_catalog.=) n.nam
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace
  WHERE n.nsp OPERATOR(pg_catalog.=) '' OR s.nsp OPERATOR(pg_catalog.=) n.nsp OR n.loose
  UNION
  SELECT c.oid FROM views v
  JOIN pg_catalog.pg_rewrite r ON r.ev_class OPERATOR(pg_catalog.=) v.oid
  JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    AND d.objid OPERATOR(pg_catalog.=) r.oid
    AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.refobjid
    AND c.relkind OPERATOR(pg_catalog.=) 'v'::pg_catalog."char"
)
SELECT DISTINCT 'function', s.nsp, p.proname::pg_catalog.text
FROM views v
JOIN pg_catalog.pg_rewrite r ON r.ev_class OPERATOR(pg_catalog.=) v.oid
JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
  AND d.objid OPERATOR(pg_catalog.=) r.oid
LEFT JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) d.refobjid
  AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) CASE
  WHEN d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass THEN d.refobjid
  ELSE o.oprcode::pg_catalog.oid
END
JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) p.pronamespace
LIMIT {most}
