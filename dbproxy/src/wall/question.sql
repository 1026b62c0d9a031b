-- What the second wall is compared with: one JSON object a row, in one snapshot. ROLES stands for the
-- database roles that are asked about, as an array of names. Reads the system catalogs only; needs no right
-- that PUBLIC does not keep.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL jit = off;

-- The database.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES))
SELECT json_build_object('server', json_build_object(
  'version', current_setting('server_version_num')::int,
  'database', d.datname, 'owner', pg_get_userbyid(d.datdba),
  'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  'acl', (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor)))
    FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM w)),
  'can', (SELECT json_agg(json_build_array(w.rolname, (SELECT json_agg(p) FROM unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) p WHERE has_database_privilege(w.oid, d.oid, p)))) FROM w)))
FROM pg_database d WHERE d.datname = current_database();

-- The roles: attributes, settings, memberships.
SELECT json_build_object('role', json_build_object(
  'name', r.rolname, 'superuser', r.rolsuper, 'login', r.rolcanlogin, 'bypass_rls', r.rolbypassrls,
  'create_db', r.rolcreatedb, 'create_role', r.rolcreaterole, 'replication', r.rolreplication,
  'settings', (SELECT json_agg(json_build_array(s.setdatabase <> 0, c) ORDER BY s.setdatabase) FROM pg_db_role_setting s, unnest(s.setconfig) c
    WHERE s.setrole = r.oid AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))),
  'member_of', (SELECT json_agg(json_build_array(pg_get_userbyid(m.roleid), pg_get_userbyid(m.grantor)) ORDER BY 1) FROM pg_auth_members m WHERE m.member = r.oid)))
FROM pg_roles r WHERE r.rolname = ANY (ROLES);

-- Schemas.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES))
SELECT json_build_object('schema', json_build_object(
  'name', n.nspname, 'owner', pg_get_userbyid(n.nspowner),
  'acl', (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor)))
    FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM w)),
  'can', (SELECT json_agg(json_build_array(w.rolname, (SELECT json_agg(p) FROM unnest(ARRAY['CREATE', 'USAGE']) p WHERE has_schema_privilege(w.oid, n.oid, p)))) FROM w)))
FROM pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp|toast_temp)';

-- Tables, views and sequences that are not PostgreSQL's own.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES)),
p AS MATERIALIZED (SELECT unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
  || CASE WHEN current_setting('server_version_num')::int >= 170000 THEN ARRAY['MAINTAIN'] ELSE ARRAY[]::text[] END) AS p)
SELECT json_build_object('relation', json_build_object(
  'id', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'owner', pg_get_userbyid(c.relowner),
  'acl', (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor)))
    FROM aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM w)),
  'columns', CASE WHEN c.relkind <> 'S' THEN (SELECT json_agg(t.attname ORDER BY t.attnum) FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped) END,
  'column_acl', (SELECT json_agg(json_build_array(t.attname, json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor))))
    FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid AND NOT t.attisdropped AND t.attacl IS NOT NULL AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM w))),
  'can', CASE WHEN c.relkind = 'S'
    THEN (SELECT json_agg(json_build_array(w.rolname, (SELECT json_agg(q) FROM unnest(ARRAY['SELECT', 'UPDATE', 'USAGE']) q WHERE has_sequence_privilege(w.oid, c.oid, q)))) FROM w)
    ELSE (SELECT json_agg(json_build_array(w.rolname, (SELECT json_agg(p.p) FROM p WHERE has_table_privilege(w.oid, c.oid, p.p)))) FROM w) END,
  'can_columns', CASE WHEN c.relkind <> 'S' THEN (SELECT json_agg(json_build_array(w.rolname, q, (SELECT json_agg(t.attname) FROM pg_attribute t
      WHERE t.attrelid = c.oid AND NOT t.attisdropped AND has_column_privilege(w.oid, c.oid, t.attnum, q))))
    FROM w, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) q
    WHERE NOT has_table_privilege(w.oid, c.oid, q) AND has_any_column_privilege(w.oid, c.oid, q)) END))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY (ARRAY['r', 'p', 'v', 'm', 'f', 'S']::"char"[]) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- What is in PostgreSQL's own schemas, TOAST tables among it: what was given beside the initial privileges.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES)),
own AS (SELECT c.oid, n.nspname, c.relname, c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 't')),
given AS (
  SELECT o.oid, 0 AS column, a.grantee, a.privilege_type, a.is_grantable, a.grantor FROM own o JOIN pg_class c ON c.oid = o.oid, aclexplode(c.relacl) a
  UNION ALL SELECT o.oid, t.attnum, a.grantee, a.privilege_type, a.is_grantable, a.grantor FROM own o JOIN pg_attribute t ON t.attrelid = o.oid, aclexplode(t.attacl) a WHERE t.attacl IS NOT NULL)
SELECT json_build_object('system_relation', json_build_object('schema', o.nspname, 'name', o.relname,
  'column', (SELECT t.attname FROM pg_attribute t WHERE t.attrelid = o.oid AND t.attnum = g.column AND g.column <> 0),
  'acl', json_build_array(json_build_array(CASE g.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(g.grantee) END, g.privilege_type, g.is_grantable, pg_get_userbyid(g.grantor)))))
FROM given g JOIN own o ON o.oid = g.oid
WHERE (g.grantee = 0 OR g.grantee IN (SELECT oid FROM w)) AND NOT (o.nspname = 'information_schema' AND o.oid < 16384 AND g.grantee = 0 AND g.privilege_type = 'SELECT') AND NOT EXISTS (SELECT FROM pg_init_privs i, aclexplode(i.initprivs) a
  WHERE i.classoid = 'pg_class'::regclass AND i.objoid = g.oid AND i.objsubid = g.column AND a.grantee = g.grantee AND a.privilege_type = g.privilege_type);

-- Functions that are not PostgreSQL's own.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES))
SELECT json_build_object('function', json_build_object(
  'id', f.oid::int8, 'schema', n.nspname, 'name', f.proname, 'owner', pg_get_userbyid(f.proowner), 'definer', f.prosecdef,
  'arguments', (SELECT coalesce(string_agg(quote_ident(tn.nspname) || '.' || quote_ident(t.typname), ', ' ORDER BY x.at), '')
    FROM unnest(f.proargtypes::oid[]) WITH ORDINALITY AS x(id, at) JOIN pg_type t ON t.oid = x.id JOIN pg_namespace tn ON tn.oid = t.typnamespace),
  'acl', (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor)))
    FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM w)),
  'can', (SELECT json_agg(json_build_array(w.rolname, json_build_array('EXECUTE'))) FROM w WHERE has_function_privilege(w.oid, f.oid, 'EXECUTE'))))
FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- PostgreSQL's own functions that can be called by name and that nothing else rests upon: not those behind
-- operators, casts, types, aggregates and indexes, nor those that stored expressions (views, defaults,
-- checks, policies) call, for which PostgreSQL checks EXECUTE too.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES)),
kept AS (
  SELECT unnest(ARRAY[oprcode, oprrest, oprjoin]::oid[]) AS id FROM pg_operator
  UNION SELECT castfunc FROM pg_cast
  UNION SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript]::oid[]) FROM pg_type
  UNION SELECT unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) FROM pg_aggregate
  UNION SELECT amproc::oid FROM pg_amproc
  UNION SELECT unnest(ARRAY[rngcanonical, rngsubdiff]::oid[]) FROM pg_range
  UNION SELECT (regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid|hashfuncid|negfuncid) (\d+)', 'g'))[1]::oid FROM (
    SELECT ev_action::text AS tree FROM pg_rewrite
    UNION ALL SELECT ev_qual::text FROM pg_rewrite UNION ALL SELECT adbin::text FROM pg_attrdef UNION ALL SELECT conbin::text FROM pg_constraint
    UNION ALL SELECT indexprs::text FROM pg_index UNION ALL SELECT indpred::text FROM pg_index UNION ALL SELECT polqual::text FROM pg_policy
    UNION ALL SELECT polwithcheck::text FROM pg_policy UNION ALL SELECT tgqual::text FROM pg_trigger UNION ALL SELECT prosqlbody::text FROM pg_proc WHERE proname NOT IN ('pg_sleep_for', 'pg_sleep_until')
    UNION ALL SELECT partexprs::text FROM pg_partitioned_table UNION ALL SELECT stxexprs::text FROM pg_statistic_ext UNION ALL SELECT typdefaultbin::text FROM pg_type
  ) stored WHERE tree IS NOT NULL AND tree <> '<>'
)
SELECT json_build_object('system_function', json_build_object(
  'schema', n.nspname, 'name', f.proname,
  'arguments', (SELECT coalesce(string_agg(quote_ident(tn.nspname) || '.' || quote_ident(t.typname), ', ' ORDER BY x.at), '')
    FROM unnest(f.proargtypes::oid[]) WITH ORDINALITY AS x(id, at) JOIN pg_type t ON t.oid = x.id JOIN pg_namespace tn ON tn.oid = t.typnamespace),
  'owner', pg_get_userbyid(f.proowner),
  'acl', (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor)))
    FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM w)),
  'can', (SELECT json_agg(json_build_array(w.rolname, json_build_array('EXECUTE'))) FROM w WHERE has_function_privilege(w.oid, f.oid, 'EXECUTE'))))
FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
WHERE n.nspname IN ('pg_catalog', 'information_schema') AND f.oid NOT IN (SELECT id FROM kept WHERE id IS NOT NULL)
AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typtype = 'p' AND (t.oid = f.prorettype OR t.oid = ANY (f.proargtypes::oid[]))
  AND t.typname IN ('internal', 'trigger', 'event_trigger', 'language_handler', 'fdw_handler', 'index_am_handler', 'table_am_handler', 'tsm_handler', 'cstring'));

-- Types from which PUBLIC's USAGE was taken.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES))
SELECT json_build_object('type', json_build_object('schema', n.nspname, 'name', t.typname, 'owner', pg_get_userbyid(t.typowner),
  'acl', (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor)))
    FROM aclexplode(t.typacl) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM w)),
  'can', (SELECT json_agg(json_build_array(w.rolname, json_build_array('USAGE'))) FROM w WHERE has_type_privilege(w.oid, t.oid, 'USAGE'))))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typacl IS NOT NULL AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- Operators that are not PostgreSQL's own.
SELECT json_build_object('operator', json_build_object('schema', n.nspname, 'name', o.oprname, 'function', o.oprcode::oid::int8))
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND o.oprcode <> 0;

-- What views read, by column; 0 columns where only rows count.
SELECT json_build_object('reads', json_build_object('relation', r.ev_class::int8, 'of', d.refobjid::int8,
  'columns', json_agg(t.attname), 'whole', bool_or(d.refobjsubid = 0)))
FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
LEFT JOIN pg_attribute t ON t.attrelid = d.refobjid AND t.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE r.oid >= 16384 GROUP BY r.ev_class, d.refobjid;

-- Inheritance and partitions.
SELECT json_build_object('kin', json_build_object('relation', inhrelid::int8, 'of', inhparent::int8)) FROM pg_inherits
WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = inhrelid AND c.relkind IN ('r', 'p', 'f'));

-- Functions and sequences that a relation's rules, defaults, checks, indexes, policies and triggers' conditions use, and the
-- defaults and checks of the domains in its columns. Only who writes needs what is filled in or checked.
WITH RECURSIVE holds(relation, type) AS (
  SELECT attrelid, atttypid FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped AND atttypid >= 16384
  UNION
  SELECT h.relation, part.type FROM holds h JOIN pg_type t ON t.oid = h.type CROSS JOIN LATERAL (
    SELECT t.typbasetype AS type UNION ALL SELECT t.typelem
    UNION ALL SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid UNION ALL SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid
    UNION ALL SELECT atttypid FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) part
  WHERE part.type >= 16384),
part AS (
  SELECT 'pg_rewrite'::regclass::oid AS class, oid AS id, ev_class AS relation, 0::oid AS besides, false AS writes FROM pg_rewrite WHERE oid >= 16384
  UNION ALL SELECT 'pg_policy'::regclass, oid, polrelid, 0, false FROM pg_policy
  UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, adrelid, 0, attgenerated <> 'v' FROM pg_attrdef d JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
  UNION ALL SELECT 'pg_constraint'::regclass, oid, conrelid, 0, true FROM pg_constraint WHERE conrelid <> 0
  UNION ALL SELECT 'pg_class'::regclass, indexrelid, indrelid, 0, true FROM pg_index WHERE indexrelid >= 16384
  -- PostgreSQL checks nobody's right to a trigger's own function when it fires.
  UNION ALL SELECT 'pg_trigger'::regclass, oid, tgrelid, tgfoid, true FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'pg_type'::regclass, t.oid, h.relation, 0, true FROM holds h JOIN pg_type t ON t.oid = h.type AND t.typtype = 'd'
  UNION ALL SELECT 'pg_constraint'::regclass, c.oid, h.relation, 0, true FROM holds h JOIN pg_constraint c ON c.contypid = h.type)
SELECT json_build_object('calls', json_build_object('relation', part.relation::int8, 'function', coalesce(o.oprcode::oid, d.refobjid)::int8, 'writes', bool_and(part.writes)))::text
FROM part JOIN pg_depend d ON d.classid = part.class AND d.objid = part.id AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND d.refobjid <> part.besides
LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
GROUP BY part.relation, coalesce(o.oprcode::oid, d.refobjid)
UNION ALL
SELECT json_build_object('takes', json_build_object('relation', part.relation::int8, 'sequence', d.refobjid::int8))::text
FROM (SELECT DISTINCT part.relation, part.class, part.id FROM part WHERE part.class = 'pg_attrdef'::regclass) part
JOIN pg_depend d ON d.classid = part.class AND d.objid = part.id AND d.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S';

-- Triggers whose functions run with the rights of who writes: what those need, nobody can tell.
SELECT json_build_object('trigger', json_build_object('relation', t.tgrelid::int8, 'name', t.tgname, 'function', t.tgfoid::int8))
FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND NOT f.prosecdef AND f.oid >= 16384;

-- Sequences that belong to a column.
SELECT json_build_object('takes', json_build_object('relation', d.refobjid::int8, 'sequence', d.objid::int8))
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a';

-- Default privileges.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES))
SELECT json_build_object('default', json_build_object('owner', pg_get_userbyid(d.defaclrole), 'schema', n.nspname, 'kind', d.defaclobjtype,
  'acl', (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable, pg_get_userbyid(a.grantor)))
    FROM aclexplode(d.defaclacl) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM w))))
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace;

-- What the roles own, and what else they have privileges on.
WITH w AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (ROLES))
SELECT json_build_object(CASE d.deptype WHEN 'o' THEN 'owns' ELSE 'other' END, json_build_object('role', w.rolname,
  'class', d.classid::regclass::text, 'id', d.objid::int8, 'type', i.type, 'identity', i.identity))
FROM pg_shdepend d JOIN w ON w.oid = d.refobjid AND d.refclassid = 'pg_authid'::regclass, pg_identify_object(d.classid, d.objid, d.objsubid) i
WHERE d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
AND (d.deptype = 'o' OR d.deptype = 'a' AND d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_type'::regclass, 'pg_database'::regclass, 'pg_default_acl'::regclass));

COMMIT
