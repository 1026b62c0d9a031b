//! What becomes of standard error: whether its reader is gone, does not read, or its disk is full, policies are taken
//! over, revocations hold, and the process ends when it is told to.

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;

use exeat_tests::exeat::exeat;
use exeat_tests::lab::admin;
use exeat_tests::wait;
use exeat_tests::wire::sqlstate;
use rustix::fs::OFlags;

use crate::world::{exchange, policy, session, tunnel, world};

/// The end of a pipe that nobody reads, with not a byte of room.
fn full_pipe() -> (std::io::PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    // The flag is one for all copies: it is taken away again, for the process gets a pipe that blocks.
    let flags = rustix::fs::fcntl_getfl(&filling).unwrap();
    rustix::fs::fcntl_setfl(&filling, flags | OFlags::NONBLOCK).unwrap();
    while filling.write(&[b'.'; 1024]).is_ok() {}
    while filling.write(b".").is_ok() {}
    rustix::fs::fcntl_setfl(&filling, flags).unwrap();
    (reader, writer.into())
}

#[test]
fn nothing_waits_for_log_lines_and_nothing_ends_with_them() {
    for form in ["a reader that is gone", "nobody who reads", "a full disk"] {
        let world = world();
        let token = world.lab.token("app");
        let mut unread = None;
        let process = match form {
            "a reader that is gone" => {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                world.lab.start_logging_to(writer.into())
            }
            "nobody who reads" => {
                let (reader, writer) = full_pipe();
                unread = Some(reader);
                world.lab.start_logging_to(writer)
            }
            _ => {
                let full = File::options().write(true).open("/dev/full").unwrap();
                world.lab.start_logging_to(full.into())
            }
        };
        let mut live = tunnel(&world, &process, &token);
        let mut database = session(&world, &process, &token);
        world
            .lab
            .set_policy(&policy(world.origin.port(), "other.test", "id"));
        wait::until(&format!("the policy holds with {form}"), || {
            exchange(&mut live).is_err().then_some(())
        });
        assert_eq!(sqlstate(&database.query("SELECT id FROM orders")), None);
        // Each of these writes lines.
        world.lab.set_policy("version: 1\nroles: [");
        world.lab.identity(["revoke", "app"]).exits(0);
        wait::until(&format!("the revocation holds with {form}"), || {
            database
                .to_end()
                .iter()
                .any(|message| message.kind == 'E')
                .then_some(())
        });
        assert_eq!(admin(&process, "/readyz").ok(), "ready", "{form}");
        let status = process.stop();
        assert!(status.success(), "{form}: {status}");
        world.lab.check_log();
        drop(unread);
    }
}

#[test]
fn what_refuses_to_start_says_so_by_its_status_where_nobody_hears_it() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (arguments, status) in [
        (&["run", "--config", "/nowhere/exeat.yaml"][..], 66),
        (&["run", "--no-such-flag"][..], 64),
    ] {
        let mut command = exeat(arguments);
        let ended = command.stderr(full()).stdin(Stdio::null()).status();
        assert_eq!(ended.unwrap().code(), Some(status), "{arguments:?}");
    }
}
