//! What the other tests rest on: the servers that stand for the outside behave as they say.

use exeat_tests::database::Database;
use exeat_tests::dns::{Answer, NameServer};
use exeat_tests::origin::Origin;
use exeat_tests::pki::Authority;
use exeat_tests::run::{curl, run};

#[test]
fn the_throw_away_database_runs_and_is_gone_afterwards() {
    let database = Database::start("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7);");
    assert_eq!(database.admin("SELECT id FROM kept").ok(), "7");
    assert!(
        database.log().contains("INSERT INTO kept"),
        "{}",
        database.log()
    );
    let folder = database.roots().parent().unwrap().to_owned();
    drop(database);
    assert!(!folder.exists());
}

#[test]
fn the_origin_answers_curl_and_counts() {
    let authority = Authority::new("outside");
    let origin = Origin::tls("api", &authority.server(&["api.test"]));
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let mut curl = curl();
    curl.arg("--cacert").arg(&roots).args([
        "--resolve",
        &format!("api.test:{}:127.0.0.1", origin.port()),
        &format!("https://api.test:{}/hello", origin.port()),
    ]);
    run(&curl).says(r#""origin":"api""#).exits(0);
    assert_eq!(origin.connections(), 1);
    assert_eq!(origin.seen()[0].target, "/hello");
    assert!(origin.bytes() > 100);
}

#[test]
fn the_name_server_answers_as_told() {
    use std::net::UdpSocket;

    let server = NameServer::start();
    server.addresses("api.test", &["192.0.2.7"]);
    server.set("gone.test", Answer::Code(3));
    let ask = |question: &[u8]| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(std::time::Duration::from_secs(10)))
            .unwrap();
        let query = [
            &[1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
            question,
            &[0, 1, 0, 1],
        ]
        .concat();
        socket.send_to(&query, server.address()).unwrap();
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer).unwrap();
        answer[..length].to_vec()
    };
    assert!(ask(b"\x03API\x04test\0").ends_with(&[192, 0, 2, 7]));
    assert_eq!(ask(b"\x04gone\x04test\0")[3] & 0xf, 3);
    assert_eq!(server.asked(), ["api.test", "gone.test"]);
}
