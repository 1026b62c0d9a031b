//! What code changes for all is known to the session before its next text, however and when the server counts it.

use exeat_tests::wire::{Message, Wire, bind, execute, parse, query, sqlstate, sync};

use super::{has_canary, session};
use crate::database::lab_with;

/// `turn` has a view show what is forbidden. With `told` its writes are counted as everybody's at the end of its
/// transaction, and no more as the session's own: as they are anyway where the last time is a second ago (half
/// a second before PostgreSQL 15, which can't be told to).
const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE TABLE orders (id int, total text);
INSERT INTO orders VALUES (1, 'ten');
CREATE TABLE secrets (id int, total text);
INSERT INTO secrets VALUES (1, 'CANARY');
CREATE FUNCTION turn(name text, told bool) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  EXECUTE 'CREATE OR REPLACE VIEW public.' || name || ' AS SELECT id, total FROM public.secrets';
  IF told AND current_setting('server_version_num')::int < 150000 THEN PERFORM pg_sleep(0.6);
  ELSIF told THEN PERFORM pg_stat_force_next_flush(); END IF;
  RETURN 1; END $$;
CREATE FUNCTION harmless() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
DO $$ BEGIN FOR i IN 0..63 LOOP
  EXECUTE format('CREATE VIEW shown_%s AS SELECT id, total FROM orders', i);
END LOOP; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
";

const POLICY: &str = "\
version: 1
roles:
  narrow:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
          - call: [public.turn, public.harmless]
        deny:
          - select: public.secrets
";

fn ask(session: &mut Wire, messages: Vec<u8>) -> Vec<Message> {
    session.send(messages);
    session.until_ready()
}

fn batch(texts: &[&str]) -> Vec<u8> {
    let one = |text: &&str| [parse("", text), bind("", ""), execute("")].concat();
    let texts: Vec<Vec<u8>> = texts.iter().map(one).collect();
    [texts.concat(), sync()].concat()
}

/// The messages that turn a view and read it, given the texts of both.
type Script<'s> = &'s dyn Fn(&str, &str) -> Vec<Vec<u8>>;

#[test]
fn a_view_that_code_has_changed_for_all_is_not_read_as_before() {
    let (lab, database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut shown = 0;
    for told in [true, false] {
        for looked_before in [true, false] {
            let begins = || query("BEGIN");
            let scripts: [Script<'_>; 6] = [
                &|turn, read| vec![query(turn), query(read)],
                &|turn, read| vec![query(turn), query("SELECT 1"), query(read)],
                &|turn, read| vec![query(&format!("{turn}; {read}"))],
                &|turn, read| vec![batch(&[turn]), batch(&[read])],
                &|turn, read| vec![batch(&[turn, read])],
                &|turn, read| vec![begins(), query(turn), query(read)],
            ];
            for script in scripts {
                let read = format!("SELECT total FROM shown_{shown}");
                let turn = format!("SELECT turn('shown_{shown}', {told})");
                let mut session = session(&exeat);
                if looked_before {
                    ask(&mut session, query("SELECT harmless()"));
                }
                let before = ask(&mut session, query(&read));
                assert_eq!(sqlstate(&before), None, "{read}");
                let ask = |messages| ask(&mut session, messages);
                let answers: Vec<Message> =
                    script(&turn, &read).into_iter().flat_map(ask).collect();
                let context = format!("{turn}: {answers:?}");
                assert!(!has_canary(&answers), "{context}");
                assert_eq!(sqlstate(&answers).as_deref(), Some("42501"), "{context}");
                shown += 1;
            }
        }
    }
    // It is there all the same.
    let all = database.admin("SELECT total FROM shown_0");
    assert!(all.stdout.contains("CANARY"), "{all:?}");
}
