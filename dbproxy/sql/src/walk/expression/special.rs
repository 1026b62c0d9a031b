//! Functions that the grammar has a syntax for: `CURRENT_USER`, `EXTRACT(… FROM …)`. One that is missing
//! here is refused.

use squawk_parser::SyntaxKind as K;

use crate::tree::Node;

/// The function behind a keyword that stands alone.
pub(in crate::walk) fn value_function(kind: K) -> Option<&'static str> {
    Some(match kind {
        K::CURRENT_CATALOG_KW => "current_catalog",
        K::CURRENT_DATE_KW => "current_date",
        K::CURRENT_ROLE_KW => "current_role",
        K::CURRENT_SCHEMA_KW => "current_schema",
        K::CURRENT_TIME_KW => "current_time",
        K::CURRENT_TIMESTAMP_KW => "current_timestamp",
        K::CURRENT_USER_KW => "current_user",
        K::LOCALTIME_KW => "localtime",
        K::LOCALTIMESTAMP_KW => "localtimestamp",
        K::SESSION_USER_KW => "session_user",
        K::SYSTEM_USER_KW => "system_user",
        K::USER_KW => "user",
        _ => return None,
    })
}

/// The function behind a syntax of its own.
pub(super) fn special(node: Node<'_>) -> Option<&'static str> {
    Some(match node.kind() {
        K::AT_LOCAL | K::AT_TIME_ZONE => "timezone",
        K::COLLATION_FOR_FN => "pg_collation_for",
        K::EXTRACT_FN => "extract",
        K::IS_NORMALIZED | K::IS_NOT_NORMALIZED => "is_normalized",
        K::JSON_ARRAY_AGG_FN => "json_arrayagg",
        K::JSON_ARRAY_FN => "json_array",
        K::JSON_EXISTS_FN => "json_exists",
        K::JSON_FN => "json",
        K::JSON_OBJECT_AGG_FN => "json_objectagg",
        K::JSON_OBJECT_FN => "json_object",
        K::JSON_QUERY_FN => "json_query",
        K::JSON_SCALAR_FN => "json_scalar",
        K::JSON_SERIALIZE_FN => "json_serialize",
        K::JSON_TABLE => "json_table",
        K::JSON_VALUE_FN => "json_value",
        K::NOT_SIMILAR_TO | K::SIMILAR_TO => "similar_to_escape",
        K::OVERLAY_FN => "overlay",
        K::POSITION_FN => "position",
        K::SUBSTRING_FN => "substring",
        K::TRIM_FN => "trim",
        K::XML_ELEMENT_FN => "xmlelement",
        K::XML_EXISTS_FN => "xmlexists",
        K::XML_FOREST_FN => "xmlforest",
        K::XML_PARSE_FN => "xmlparse",
        K::XML_PI_FN => "xmlpi",
        K::XML_ROOT_FN => "xmlroot",
        K::XML_SERIALIZE_FN => "xmlserialize",
        K::XML_TABLE => "xmltable",
        _ => return None,
    })
}
