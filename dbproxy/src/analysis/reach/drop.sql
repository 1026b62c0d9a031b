WITH RECURSIVE
named(nsp, nam, loose) AS (VALUES {names}),
spaces AS (
  SELECT n.oid AS oid, {schema} AS nsp FROM pg_catalog.pg_namespace n
),
{roots},
-- A name without a schema may stand in any that the search path has.
candidates AS (
  SELECT n.nsp AS said, s.nsp AS nsp, o.classid, o.objid, o.subid, n.loose,
    pg_catalog.bool_or(s.nsp OPERATOR(pg_catalog.=) n.nsp) OVER (PARTITION BY n.nsp, n.nam) AS there
  FROM named n
  JOIN objects o ON o.nam OPERATOR(pg_catalog.=) n.nam
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) o.ns
  WHERE n.nsp OPERATOR(pg_catalog.=) '' OR s.nsp OPERATOR(pg_catalog.=) n.nsp OR n.loose
),
roots AS (
  SELECT DISTINCT classid, objid, subid, nsp OPERATOR(pg_catalog.<>) said AS elsewhere FROM candidates
  WHERE said OPERATOR(pg_catalog.=) '' OR nsp OPERATOR(pg_catalog.=) said OR (loose AND NOT there)
),
-- Down to all that depends on it; and up, from what goes because of a normal dependency, to what it is a
-- part of. Only what a normal dependency leads to would not go without CASCADE.
walk(classid, objid, subid, beyond, via) AS (
  SELECT classid, objid, subid, elsewhere, 'a' FROM roots
  UNION
  SELECT x.classid, x.objid, x.subid, x.beyond, x.via FROM walk w CROSS JOIN LATERAL (
    SELECT d.classid, d.objid, d.objsubid AS subid,
      w.beyond OR d.deptype OPERATOR(pg_catalog.=) 'n'::pg_catalog."char" AS beyond, d.deptype::pg_catalog.text AS via
    FROM pg_catalog.pg_depend d
    WHERE d.refclassid OPERATOR(pg_catalog.=) w.classid AND d.refobjid OPERATOR(pg_catalog.=) w.objid
      AND (w.subid OPERATOR(pg_catalog.=) 0 OR d.refobjsubid OPERATOR(pg_catalog.=) w.subid)
    UNION ALL
    SELECT d.refclassid, d.refobjid, d.refobjsubid, w.beyond, 'n'
    FROM pg_catalog.pg_depend d
    WHERE w.via OPERATOR(pg_catalog.=) 'n' AND d.classid OPERATOR(pg_catalog.=) w.classid AND d.objid OPERATOR(pg_catalog.=) w.objid
      AND (w.subid OPERATOR(pg_catalog.=) 0 OR d.objsubid OPERATOR(pg_catalog.=) w.subid)
      AND d.deptype OPERATOR(pg_catalog.=) ANY (ARRAY['i','P','S','e']::pg_catalog."char"[])
  ) x
),
reached AS (
  SELECT w.classid, w.objid, pg_catalog.bool_or(w.beyond) AS beyond,
    EXISTS (SELECT FROM roots r WHERE r.classid OPERATOR(pg_catalog.=) w.classid AND r.objid OPERATOR(pg_catalog.=) w.objid) AS root
  FROM (SELECT * FROM walk LIMIT {most}) w GROUP BY w.classid, w.objid
)
SELECT DISTINCT CASE WHEN o.nsp IS NULL THEN 'unknown' WHEN w.beyond THEN 'reached' ELSE 'part' END,
  COALESCE(o.nsp, (w.classid::pg_catalog.regclass)::pg_catalog.text), COALESCE(o.nam, '')
FROM reached w
LEFT JOIN LATERAL (
  SELECT s.nsp, c.relname::pg_catalog.text AS nam, c.relkind::pg_catalog.text AS kind,
    c.oid OPERATOR(pg_catalog.=) w.objid AS itself
  FROM pg_catalog.pg_class c JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace
  WHERE c.oid OPERATOR(pg_catalog.=) CASE
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass THEN
      COALESCE((SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid OPERATOR(pg_catalog.=) w.objid), w.objid)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN
      (SELECT x.conrelid FROM pg_catalog.pg_constraint x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN
      (SELECT x.adrelid FROM pg_catalog.pg_attrdef x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN
      (SELECT x.ev_class FROM pg_catalog.pg_rewrite x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN
      (SELECT x.tgrelid FROM pg_catalog.pg_trigger x
        WHERE x.oid OPERATOR(pg_catalog.=) w.objid AND NOT x.tgisinternal)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass THEN
      (SELECT x.polrelid FROM pg_catalog.pg_policy x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass THEN
      (SELECT x.stxrelid FROM pg_catalog.pg_statistic_ext x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_publication_rel'::pg_catalog.regclass THEN
      (SELECT x.prrelid FROM pg_catalog.pg_publication_rel x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
  END
  UNION ALL
  -- One that a foreign key has on the table that it refers to.
  SELECT '', '', 't', false FROM pg_catalog.pg_trigger x
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass
    AND x.oid OPERATOR(pg_catalog.=) w.objid AND x.tgisinternal
  UNION ALL
  SELECT s.nsp, t.typname::pg_catalog.text,
    CASE WHEN t.typrelid OPERATOR(pg_catalog.<>) 0 OR EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray OPERATOR(pg_catalog.=) t.oid)
      THEN 't' ELSE '' END, false
  FROM pg_catalog.pg_type t JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) t.typnamespace
  WHERE t.oid OPERATOR(pg_catalog.=) CASE
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass THEN w.objid
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN
      (SELECT x.contypid FROM pg_catalog.pg_constraint x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
  END
  UNION ALL
  SELECT s.nsp, t.typname::pg_catalog.text, '', false
  FROM pg_catalog.pg_cast x
  JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) ANY (ARRAY[x.castsource, x.casttarget])
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) t.typnamespace
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_cast'::pg_catalog.regclass AND x.oid OPERATOR(pg_catalog.=) w.objid
    AND s.nsp OPERATOR(pg_catalog.<>) 'pg_catalog'
  UNION ALL
  SELECT s.nsp, x.proname::pg_catalog.text, '', false FROM pg_catalog.pg_proc x
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) x.pronamespace
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AND x.oid OPERATOR(pg_catalog.=) w.objid
  UNION ALL
  SELECT s.nsp, x.oprname::pg_catalog.text, '', false FROM pg_catalog.pg_operator x
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) x.oprnamespace
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass AND x.oid OPERATOR(pg_catalog.=) w.objid
  UNION ALL
  SELECT s.nsp, x.opcname::pg_catalog.text, '', false FROM pg_catalog.pg_opclass x
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) x.opcnamespace
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_opclass'::pg_catalog.regclass AND x.oid OPERATOR(pg_catalog.=) w.objid
  UNION ALL
  SELECT s.nsp, f.opfname::pg_catalog.text, '', false FROM pg_catalog.pg_opfamily f
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) f.opfnamespace
  WHERE f.oid OPERATOR(pg_catalog.=) CASE
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_opfamily'::pg_catalog.regclass THEN w.objid
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_amop'::pg_catalog.regclass THEN
      (SELECT x.amopfamily FROM pg_catalog.pg_amop x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
    WHEN w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_amproc'::pg_catalog.regclass THEN
      (SELECT x.amprocfamily FROM pg_catalog.pg_amproc x WHERE x.oid OPERATOR(pg_catalog.=) w.objid)
  END
  UNION ALL
  SELECT s.nsp, x.collname::pg_catalog.text, '', false FROM pg_catalog.pg_collation x
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) x.collnamespace
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_collation'::pg_catalog.regclass AND x.oid OPERATOR(pg_catalog.=) w.objid
  UNION ALL
  SELECT s.nsp, x.cfgname::pg_catalog.text, '', false FROM pg_catalog.pg_ts_config x
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) x.cfgnamespace
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_ts_config'::pg_catalog.regclass AND x.oid OPERATOR(pg_catalog.=) w.objid
  UNION ALL
  SELECT s.nsp, x.dictname::pg_catalog.text, '', false FROM pg_catalog.pg_ts_dict x
  JOIN spaces s ON s.oid OPERATOR(pg_catalog.=) x.dictnamespace
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_ts_dict'::pg_catalog.regclass AND x.oid OPERATOR(pg_catalog.=) w.objid
  UNION ALL
  SELECT s.nsp, '*', '', false FROM spaces s
  WHERE w.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass AND s.oid OPERATOR(pg_catalog.=) w.objid
) o ON true
WHERE CASE WHEN w.beyond THEN (o.kind IS NULL OR o.kind OPERATOR(pg_catalog.<>) 't')
  ELSE o.kind OPERATOR(pg_catalog.=) ANY (ARRAY['r','p','f']) AND o.itself AND NOT w.root END
UNION ALL
SELECT 'most', '', '' WHERE (SELECT pg_catalog.count(*) FROM (SELECT FROM walk LIMIT {most}) m) OPERATOR(pg_catalog.=) {most}
